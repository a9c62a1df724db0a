//! Great-circle distance.

use crate::model::Coordinates;

/// Mean radius of the Earth in kilometres (IUGG).
const EARTH_RADIUS_KM: f64 = 6371.0088;

/// Kilometres from `a` to `b` along a great circle, by the haversine formula.
pub(super) fn kilometres(a: Coordinates, b: Coordinates) -> f64 {
    let half_lat = (b.lat - a.lat).to_radians() / 2.0;
    let half_lon = (b.lon - a.lon).to_radians() / 2.0;
    let chord = half_lat.sin().powi(2) + a.lat.to_radians().cos() * b.lat.to_radians().cos() * half_lon.sin().powi(2);
    // Rounding may push antipodes a hair over 1, where the arc sine has no value.
    2.0 * EARTH_RADIUS_KM * chord.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lat: f64, lon: f64) -> Coordinates {
        Coordinates::new(lat, lon).unwrap()
    }

    #[test]
    fn known_distances() {
        let (frankfurt, ashburn, tokyo) = (at(50.1, 8.7), at(39.0, -77.5), at(35.7, 139.7));
        assert!((kilometres(frankfurt, ashburn) - 6540.0).abs() < 30.0);
        assert!((kilometres(frankfurt, tokyo) - 9330.0).abs() < 30.0);
        assert!(kilometres(tokyo, tokyo).abs() < 1e-9);
    }

    #[test]
    fn the_date_line_and_the_poles_are_no_edge() {
        assert!((kilometres(at(0.0, 179.5), at(0.0, -179.5)) - 111.2).abs() < 0.1);
        assert!((kilometres(at(90.0, 0.0), at(90.0, 120.0))).abs() < 1e-6);
        assert!((kilometres(at(0.0, 0.0), at(0.0, 180.0)) - 20_015.1).abs() < 0.1);
    }
}
