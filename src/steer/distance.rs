//! Great-circle distance.

use crate::model::Coordinates;

/// The mean radius of the earth in kilometres (IUGG).
const EARTH_RADIUS_KM: f64 = 6_371.0;

/// The great-circle distance in kilometres, by the haversine formula.
#[must_use]
pub fn kilometres(from: Coordinates, to: Coordinates) -> f64 {
    let (lat1, lat2) = (from.lat.to_radians(), to.lat.to_radians());
    let half_lat = ((to.lat - from.lat).to_radians() / 2.0).sin();
    let half_lon = ((to.lon - from.lon).to_radians() / 2.0).sin();
    let chord = half_lat.mul_add(half_lat, lat1.cos() * lat2.cos() * half_lon * half_lon);
    2.0 * EARTH_RADIUS_KM * chord.clamp(0.0, 1.0).sqrt().asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_distances() {
        let at = |lat, lon| Coordinates { lat, lon };
        let (frankfurt, washington, tokyo) = (at(50.1, 8.7), at(38.9, -77.5), at(35.7, 139.7));
        assert!((kilometres(frankfurt, washington) - 6_560.0).abs() < 50.0);
        assert!((kilometres(frankfurt, tokyo) - 9_340.0).abs() < 50.0);
        assert!(kilometres(tokyo, tokyo) < 0.001);
        let across = kilometres(at(0.0, 179.0), at(0.0, -179.0));
        assert!((across - 222.4).abs() < 1.0, "the date line is no border: {across}");
    }
}
