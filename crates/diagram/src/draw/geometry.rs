//! Points, boxes and segments of a drawing, in pixels, y downwards.

/// A point or vector.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Point {
    pub x: f64,
    pub y: f64,
}

impl Point {
    pub const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }

    /// The unit vector at `angle` radians, clockwise from the right.
    pub fn unit(angle: f64) -> Self {
        Self::new(angle.cos(), angle.sin())
    }

    pub fn plus(self, other: Self) -> Self {
        Self::new(self.x + other.x, self.y + other.y)
    }

    pub fn minus(self, other: Self) -> Self {
        Self::new(self.x - other.x, self.y - other.y)
    }

    pub fn times(self, factor: f64) -> Self {
        Self::new(self.x * factor, self.y * factor)
    }

    pub fn length(self) -> f64 {
        self.x.hypot(self.y)
    }

    pub fn angle(self) -> f64 {
        self.y.atan2(self.x)
    }

    /// A quarter turn clockwise.
    pub fn turned(self) -> Self {
        Self::new(-self.y, self.x)
    }

    /// The direction, or rightwards for the zero vector.
    pub fn direction(self) -> Self {
        let length = self.length();
        if length < 1e-9 {
            return Self::new(1.0, 0.0);
        }
        self.times(1.0 / length)
    }

    pub fn between(self, other: Self, t: f64) -> Self {
        self.plus(other.minus(self).times(t))
    }
}

/// An axis-parallel box by centre and half extents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rect {
    pub centre: Point,
    pub half: Point,
}

impl Rect {
    pub const fn new(centre: Point, half: Point) -> Self {
        Self { centre, half }
    }

    pub fn grown(self, margin: f64) -> Self {
        Self::new(self.centre, self.half.plus(Point::new(margin, margin)))
    }

    /// Area of the common part.
    pub fn overlap(&self, other: &Self) -> f64 {
        let depth = self.penetration(other);
        if depth.x > 0.0 && depth.y > 0.0 {
            depth.x * depth.y
        } else {
            0.0
        }
    }

    /// How far the boxes reach into each other along each axis; negative if apart.
    pub fn penetration(&self, other: &Self) -> Point {
        Point::new(
            self.half.x + other.half.x - (self.centre.x - other.centre.x).abs(),
            self.half.y + other.half.y - (self.centre.y - other.centre.y).abs(),
        )
    }

    /// Distance from the centre to the edge along a direction.
    pub fn reach(&self, direction: Point) -> f64 {
        reach(self.half, direction)
    }

    /// Length of the part of a segment inside the box (Liang–Barsky clipping).
    pub fn clip(&self, from: Point, to: Point) -> f64 {
        let step = to.minus(from);
        let (mut enter, mut leave) = (0.0f64, 1.0f64);
        for (start, delta, centre, half) in [
            (from.x, step.x, self.centre.x, self.half.x),
            (from.y, step.y, self.centre.y, self.half.y),
        ] {
            let (low, high) = (centre - half - start, centre + half - start);
            if delta.abs() < 1e-12 {
                if low > 0.0 || high < 0.0 {
                    return 0.0;
                }
                continue;
            }
            let (a, b) = (low / delta, high / delta);
            enter = enter.max(a.min(b));
            leave = leave.min(a.max(b));
        }
        (leave - enter).max(0.0) * step.length()
    }
}

/// Distance from the centre of a box to its edge along a direction.
pub(crate) fn reach(half: Point, direction: Point) -> f64 {
    let along = |half: f64, component: f64| {
        if component.abs() < 1e-9 {
            f64::INFINITY
        } else {
            half / component.abs()
        }
    };
    along(half.x, direction.x).min(along(half.y, direction.y))
}

/// A quadratic curve sampled as points; a straight line has no bulge.
pub(crate) fn quadratic(from: Point, to: Point, bulge: f64, samples: usize) -> Vec<Point> {
    let control = control_point(from, to, bulge);
    (0..=samples)
        .map(|k| {
            let t = k as f64 / samples as f64;
            let (a, b) = (from.between(control, t), control.between(to, t));
            a.between(b, t)
        })
        .collect()
}

/// Control point of the curve whose middle is `bulge` off the straight line.
pub(crate) fn control_point(from: Point, to: Point, bulge: f64) -> Point {
    let normal = to.minus(from).direction().turned();
    from.between(to, 0.5).plus(normal.times(2.0 * bulge))
}

/// Distance of a point to a segment, and the vector from the nearest point of
/// the segment to it.
pub(crate) fn offset_from_segment(point: Point, from: Point, to: Point) -> Point {
    let step = to.minus(from);
    let square = step.x * step.x + step.y * step.y;
    let along = point.minus(from);
    let t = if square < 1e-12 {
        0.0
    } else {
        ((along.x * step.x + along.y * step.y) / square).clamp(0.0, 1.0)
    };
    point.minus(from.between(to, t))
}
