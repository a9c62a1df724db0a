"""Draws the outlines of countries that the dashboard's map shows, from Natural Earth's (public domain) 1:110m countries.

    npm pack world-atlas@2 i18n-iso-countries@7 and unpack both
    python3 tests/tools/pack_world.py countries-110m.json codes.json > dashboards/operator/world.tsv

The first file is Natural Earth as TopoJSON, the second says which two letters go with an ISO 3166-1 number. Each line of the
result is a country: its letters, where a letter on the map stands (x, y), how large it is there, and its outline as an SVG path in
whole units of a plate carrée, 1000 wide and from 84 degrees north to 57 south. Borders are simplified once for both neighbours, so no gaps open.
"""

import json
import sys

WIDTH = 1000
NORTH, SOUTH = 84.0, -57.0
# A degree of latitude is drawn longer than one of longitude, as on a map that is true at 32 degrees.
X_SCALE = WIDTH / 360
Y_SCALE = X_SCALE * 1.18
# Points closer than this to the line between their neighbours are left out, in units of the map.
TOLERANCE = 0.7
# Rings smaller than this are specks.
SMALLEST = 1.5
# What Natural Earth shows apart and ISO 3166-1 does not.
UNNUMBERED = {"Kosovo": "XK", "N. Cyprus": "CY", "Somaliland": "SO"}
LEFT_OUT = {"AQ"}


def project(lon, lat):
    return ((lon + 180) * X_SCALE, (NORTH - max(SOUTH, min(NORTH, lat))) * Y_SCALE)


def arcs(topology):
    """The arcs, projected and simplified."""
    (sx, sy), (tx, ty) = topology["transform"]["scale"], topology["transform"]["translate"]
    for arc in topology["arcs"]:
        x = y = 0
        points = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            points.append(project(x * sx + tx, y * sy + ty))
        yield simplified(points)


def simplified(points):
    """Douglas and Peucker's simplification; a closed arc is split at its farthest point first."""
    if len(points) < 3:
        return points
    (x0, y0), (x1, y1) = points[0], points[-1]
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5

    def away(point):
        x, y = point
        if length < 1e-9:
            return ((x - x0) ** 2 + (y - y0) ** 2) ** 0.5
        return abs((x1 - x0) * (y0 - y) - (x0 - x) * (y1 - y0)) / length

    farthest = max(range(1, len(points) - 1), key=lambda ix: away(points[ix]))
    if away(points[farthest]) < TOLERANCE:
        return [points[0], points[-1]]
    return simplified(points[: farthest + 1])[:-1] + simplified(points[farthest:])


def ring(indices, drawn):
    points = []
    for index in indices:
        arc = drawn[index] if index >= 0 else drawn[~index][::-1]
        points += arc if not points else arc[1:]
    whole = []
    for x, y in points:
        at = (round(x), round(y))
        if not whole or whole[-1] != at:
            whole.append(at)
    if len(whole) > 1 and whole[0] == whole[-1]:
        whole.pop()
    return whole


def within(points):
    """The ring cut at the antimeridian: Natural Earth lets a ring jump from one edge of the map to the other there."""
    shift, unwrapped = 0, points[:1]
    for (before, _), (x, y) in zip(points, points[1:]):
        if abs(x - before) > WIDTH / 2:
            shift += WIDTH if x < before else -WIDTH
        unwrapped.append((x + shift, y))
    for turn in (-WIDTH, 0, WIDTH):
        turned = [(x + turn, y) for x, y in unwrapped]
        cut = clipped(clipped(turned, 0, 1), WIDTH, -1)
        if len(cut) > 2:
            yield cut


def clipped(points, edge, side):
    """The part of a ring on one side of a meridian (Sutherland and Hodgman)."""
    kept = []
    for (x0, y0), (x1, y1) in zip(points[-1:] + points[:-1], points):
        inside0, inside1 = (x0 - edge) * side >= 0, (x1 - edge) * side >= 0
        if inside0 != inside1:
            kept.append((edge, round(y0 + (y1 - y0) * (edge - x0) / (x1 - x0))))
        if inside1:
            kept.append((x1, y1))
    return kept


def area_and_centre(points):
    area = cx = cy = 0.0
    for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1]):
        cross = x0 * y1 - x1 * y0
        area += cross
        cx += (x0 + x1) * cross
        cy += (y0 + y1) * cross
    if abs(area) < 1e-9:
        return 0.0, points[0]
    return abs(area) / 2, (cx / (3 * area), cy / (3 * area))


def path(points):
    (x, y), steps = points[0], []
    px, py = x, y
    for qx, qy in points[1:]:
        dx, dy = qx - px, qy - py
        steps.append(f"{dx}{dy if dy < 0 else f' {dy}'}")
        px, py = qx, qy
    body = "".join(step if step.startswith("-") or not ix else f" {step}" for ix, step in enumerate(steps))
    return f"M{x} {y}l{body}z"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        topology = json.load(file)
    with open(sys.argv[2], encoding="utf-8") as file:
        letters = {number: two for two, _three, number, _subdivisions in json.load(file)}
    drawn = list(arcs(topology))
    countries = {}
    for geometry in topology["objects"]["countries"]["geometries"]:
        code = letters.get(geometry.get("id")) or UNNUMBERED[geometry["properties"]["name"]]
        polygons = geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]]
        if code not in LEFT_OUT:
            countries.setdefault(code, []).extend(ring(indices, drawn) for polygon in polygons for indices in polygon)
    for code, rings in sorted(countries.items()):
        sized = sorted(((*area_and_centre(points), points) for whole in rings for points in within(whole)), key=lambda it: -it[0])
        kept = [it for it in sized if it[0] >= SMALLEST]
        if kept:
            area, (x, y), _points = kept[0]
            outline = "".join(path(points) for _area, _centre, points in kept)
            print(code, round(x), round(y), round(area), outline, sep="\t")


if __name__ == "__main__":
    main()
