//! Making the owner rows agree with a namespace that is built anew after a crash.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use foundation_env::fault;
use foundation_types::Pid;

use crate::namespace::{Aftermath, Keeper, Namespace, Version};
use crate::owner::Owned;
use crate::registry::{Held, Holdings, Shared, warn};

/// The owners of all namespaces of names, or of all of memberships.
pub(crate) struct Keeping {
    pub(crate) shared: Weak<Shared>,
    pub(crate) held: Held,
}

impl Keeper for Keeping {
    fn reconcile(&self, namespace: &Namespace, standing: &[Arc<Version>]) -> Vec<Arc<Version>> {
        let Some(shared) = self.shared.upgrade() else { return Vec::new() };
        if fault::planted("registry_rebuild_forgets_owners") {
            return Vec::new();
        }
        let Holdings { namespaces, owners, .. } = shared.holdings(self.held);
        let Some(namespace) = namespaces.get(&*namespace.label) else { return Vec::new() };
        let owner_of: BTreeMap<u32, Pid> =
            standing.iter().map(|version| (version.slot, version.entry.pid)).collect();
        owners.retain(
            namespace,
            |pid, slot| owner_of.get(&slot) == Some(&pid),
            |pid, hook| {
                shared.system().remove_exit_hook(pid, hook);
            },
        );
        // The bound on the names of one process is none on those it has.
        let is_ownerless = |version: &&Arc<Version>| {
            let (pid, slot) = (version.entry.pid, version.slot);
            let owned = Owned { namespace: Arc::clone(namespace), slot };
            !owners.has(pid, &owned) && shared.restore(self.held, pid, owned).is_err()
        };
        standing.iter().filter(is_ownerless).cloned().collect()
    }

    fn report(&self, namespace: &Namespace, aftermath: Aftermath) {
        let Some(shared) = self.shared.upgrade() else { return };
        let Aftermath { wakers, warning, entries, freed } = aftermath;
        let held = match self.held {
            Held::Names => "names",
            Held::Memberships => "memberships",
        };
        shared.system().contain(|| {
            tracing::error!(
                namespace = &*namespace.label,
                held,
                entries,
                freed,
                "a writer of the registry crashed; the namespace was built anew, and whoever watches it was told"
            );
        });
        if let Some(warning) = warning {
            shared.system().contain(|| warn(self.held, &warning));
        }
        for waker in wakers {
            shared.system().contain(|| waker.wake());
        }
    }
}
