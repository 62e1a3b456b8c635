//! Euclidean rhythms: some hits spread over some steps as evenly as can be.

/// Bjorklund's rhythm: `pulses` hits on `steps` steps, beginning `rotation` steps later in it. `pulses` is at most `steps`.
///
/// The algorithm appends the remainder to the groups that there are until there is no remainder worth appending, as
/// Euclid's finds the greatest common divisor (Toussaint, "The Euclidean algorithm generates traditional musical rhythms",
/// 2005). It begins with a hit, as in TidalCycles: e(3,8) is `x..x..x.`, e(5,8) is `x.xx.xx.`.
pub(super) fn rhythm(pulses: usize, steps: usize, rotation: usize) -> Vec<bool> {
    let (mut many, mut few) = (vec![true], vec![false]);
    let (mut many_count, mut few_count) = (pulses, steps.saturating_sub(pulses));
    if pulses == 0 {
        return vec![false; steps];
    }
    while few_count > 1 {
        let pairs = many_count.min(few_count);
        let joined = [&many[..], &few[..]].concat();
        if many_count > few_count {
            few = many;
            few_count = many_count - pairs;
        } else {
            few_count -= pairs;
        }
        (many, many_count) = (joined, pairs);
    }
    let mut hits = many.repeat(many_count);
    hits.extend(few.repeat(few_count));
    hits.rotate_left(rotation % steps.max(1));
    hits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(pulses: usize, steps: usize, rotation: usize) -> String {
        rhythm(pulses, steps, rotation).iter().map(|&hit| if hit { 'x' } else { '.' }).collect()
    }

    #[test]
    fn the_rhythms_of_the_world() {
        for (pulses, steps, rhythm) in [
            (1, 2, "x."),
            (1, 3, "x.."),
            (2, 3, "xx."),
            (2, 5, "x.x.."),
            (3, 4, "xxx."),
            (3, 5, "x.x.x"),
            (3, 7, "x.x.x.."),
            (3, 8, "x..x..x."),
            (4, 7, "x.x.x.x"),
            (4, 9, "x.x.x.x.."),
            (4, 11, "x..x..x..x."),
            (5, 6, "xxxxx."),
            (5, 7, "x.xx.xx"),
            (5, 8, "x.xx.xx."),
            (5, 9, "x.x.x.x.x"),
            (5, 11, "x.x.x.x.x.."),
            (5, 12, "x..x.x..x.x."),
            (5, 16, "x..x..x..x..x..."),
            (7, 8, "xxxxxxx."),
            (7, 12, "x.xx.x.xx.x."),
            (7, 16, "x..x.x.x..x.x.x."),
            (9, 16, "x.xx.x.x.xx.x.x."),
            (11, 24, "x..x.x.x.x.x..x.x.x.x.x."),
            (13, 24, "x.xx.x.x.x.x.xx.x.x.x.x."),
            (0, 4, "...."),
            (4, 4, "xxxx"),
            (1, 1, "x"),
            (0, 1, "."),
        ] {
            assert_eq!(written(pulses, steps, 0), rhythm, "e({pulses},{steps})");
        }
        assert_eq!(written(3, 8, 2), ".x..x.x.");
        assert_eq!(written(3, 8, 8), "x..x..x.");
    }

    proptest! {
        #[test]
        fn as_many_as_wanted_and_as_even_as_can_be(steps in 1usize..=256, pulses: prop::sample::Index, rotation in 0usize..=256) {
            let pulses = pulses.index(steps + 1);
            let hits = rhythm(pulses, steps, rotation);
            prop_assert_eq!(hits.len(), steps);
            let places: Vec<usize> = hits.iter().enumerate().filter(|(_, hit)| **hit).map(|(at, _)| at).collect();
            prop_assert_eq!(places.len(), pulses);
            // As even as can be: between any hit and the k-th one after it lie the k-th part of all steps, rounded down or up.
            for k in 1..=pulses {
                for (i, place) in places.iter().enumerate() {
                    let next = places[(i + k) % pulses];
                    let distance = (next + steps - place - 1) % steps + 1;
                    let (low, high) = (k * steps / pulses, (k * steps).div_ceil(pulses));
                    prop_assert!((low..=high).contains(&distance), "{}", written(pulses, steps, rotation));
                }
            }
        }
    }
}
