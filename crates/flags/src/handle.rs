use foundation_env::fault;
use foundation_env::sync::Arc;

use crate::bucket;
use crate::live::Live;
use crate::value::Value;

/// Reads one flag without a lock. Cheap to clone; works on after its [`Flags`](crate::Flags) are dropped.
///
/// # Consistency
/// A step that changes several flags is seen by all handles at one moment: whoever has read one flag of it reads
/// every other as of that step or a later one.
#[derive(Clone, Debug)]
pub struct FlagHandle {
    live: Arc<Live>,
    index: usize,
    seed: u64,
}

impl FlagHandle {
    pub(crate) fn new(live: Arc<Live>, index: usize, name: &str) -> Self {
        Self { live, index, seed: bucket::seed(name) }
    }

    /// Tells whether the flag is on for everybody. A percentage says nothing without a key: then it is off.
    #[inline]
    pub fn is_enabled(&self) -> bool {
        let value = self.live.value(self.index);
        value.is_on() || (fault::planted("flags_percent_zero_on") && value.as_percent() == Some(0))
    }

    /// Tells whether the flag is on for a key: by the key's override, else by its [`bucket`](crate::bucket()).
    #[inline]
    pub fn is_enabled_for(&self, key: &str) -> bool {
        let brief = self.live.brief(self.index);
        if brief.has_overrides() {
            return self.is_overridden_for(key);
        }
        self.decides(brief.value(), key)
    }

    fn is_overridden_for(&self, key: &str) -> bool {
        let settings = self.live.settings();
        settings.get(self.index).is_some_and(|setting| {
            let overridden = setting.overrides.get(key).copied();
            overridden.unwrap_or_else(|| self.decides(setting.value, key))
        })
    }

    fn decides(&self, value: Value, key: &str) -> bool {
        value.as_percent().map_or(value.is_on(), |_| value.is_on_for(bucket::of(self.seed, key)))
    }
}
