//! Finding: by name, and by what is indexed.

use std::collections::BTreeSet;
use std::sync::Arc;

use foundation_process::Address;
use foundation_types::Pid;

use crate::ask;
use crate::name::Name;
use crate::namespace::{Reading, Registration};
use crate::page::{Cursor, Page};
use crate::plan::{Plan, plan};
use crate::query::Query;
use crate::registry::{Held, Registry};
use crate::revision::Revision;

impl Registry {
    /// Returns who has a name.
    ///
    /// # Consistency
    ///
    /// Never a process whose death anybody knew of when the call began. A process that is dying keeps
    /// its names until its state is dropped.
    pub fn whereis(&self, name: &Name) -> Option<Pid> {
        let namespace = self.shared().namespaces().get(name.parts().0)?;
        namespace.lookup(namespace.key(name), |version| version.entry.pid)
    }

    /// Returns the address of who has a name, if it handles messages of type `M`.
    ///
    /// # Consistency
    ///
    /// As [`Registry::whereis`]. The address is that of one life: look the name up again when it
    /// reports a death.
    pub fn address<M: Send + 'static>(&self, name: &Name) -> Option<Address<M>> {
        self.shared().system().address(self.whereis(name)?)
    }

    /// Returns what is registered under a name.
    ///
    /// # Consistency
    ///
    /// As [`Registry::whereis`]; name, pid and metadata belong together.
    pub fn lookup(&self, name: &Name) -> Option<Registration> {
        let namespace = self.shared().namespaces().get(name.parts().0)?;
        namespace.lookup(namespace.key(name), |found| Registration::new(Arc::clone(found)))
    }

    /// Returns everybody in a namespace with a capability, whatever its health, in the order of local
    /// ids.
    ///
    /// # Consistency
    ///
    /// The answer is that of one moment.
    pub fn find_by_capability(&self, namespace: &str, capability: &str) -> Vec<Registration> {
        self.answer(namespace, |reading| ask::by_capability(reading, capability))
    }

    /// Returns how many in a namespace have a capability, whatever their health. Looks at no entry that has
    /// not just changed.
    ///
    /// # Consistency
    ///
    /// As [`Registry::find_by_capability`].
    pub fn count_by_capability(&self, namespace: &str, capability: &str) -> usize {
        self.answer(namespace, |reading| ask::count_by_capability(reading, capability))
    }

    /// Returns the newest revision of a namespace; 0 if nothing was ever registered in it.
    ///
    /// # Consistency
    ///
    /// Not less than what any call about the namespace has returned before, on whatever thread: who reads after this
    /// reads this revision or a newer one.
    pub fn revision(&self, namespace: &str) -> Revision {
        let found = self.shared().namespaces().get(namespace);
        found.map(|found| Revision::new(found.revision())).unwrap_or_default()
    }

    /// Returns the first process in a namespace with a capability that is not among the excluded ones,
    /// whatever its health. Copies nothing, and looks at no more entries than it passes over; they are in
    /// an order of the registry's own, which does not change while they are registered.
    ///
    /// # Consistency
    ///
    /// As [`Registry::find_by_capability`].
    pub fn first_by_capability(
        &self,
        namespace: &str,
        capability: &str,
        excluded: &BTreeSet<Pid>,
    ) -> Option<Pid> {
        self.answer(namespace, |reading| ask::first_by_capability(reading, capability, excluded))
    }

    /// Answers a query: what matches it in a namespace, as of one revision.
    ///
    /// Without an order of its own it answers in an order of the registry's, which does not change for an entry
    /// while it is registered; with one, names decide among equals.
    ///
    /// # Consistency
    ///
    /// Everything that was registered and matched at the revision, and nothing else.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foundation_process::{Context, Outcome, Process, System};
    /// # use foundation_registry::{Metadata, Name, Query, Registry};
    /// # struct Worker;
    /// # impl Process for Worker {
    /// #     type Message = String;
    /// #     async fn handle(&mut self, _: String, _: &mut Context<String>) -> Outcome { Ok(()) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let system = System::current();
    /// # let registry = Registry::new(system.clone());
    /// # let worker = system.spawn(Worker)?;
    /// let metadata = Metadata::builder().capability("ocr").resource("memory_free", 512.0).build()?;
    /// registry.register(worker.pid(), Name::new("agents", "reader-1")?, metadata)?;
    ///
    /// let query: Query = "capability:ocr health:healthy memory_free>=256 limit:5".parse()?;
    /// let page = registry.query("agents", &query);
    /// assert_eq!(page.registrations[0].pid, worker.pid());
    /// # Ok(())
    /// # }
    /// ```
    pub fn query(&self, namespace: &str, query: &Query) -> Page {
        self.query_from(namespace, query, None)
    }

    /// Answers the next page of a query that has a limit. It is one of a newer revision, which it says: what has
    /// been registered in the meantime is in it if it comes after the cursor.
    ///
    /// # Consistency
    ///
    /// Without an order of the query's own, what is registered and matches from the first page to the last is in
    /// exactly one of them, whatever changes. With one, that is so if its fields to order by do not change: what
    /// moves past the cursor between two pages is in both or in neither. [`View::query_after`](crate::View) gives
    /// all pages as of one revision.
    pub fn query_after(&self, namespace: &str, query: &Query, cursor: &Cursor) -> Page {
        self.query_from(namespace, query, Some(cursor))
    }

    fn query_from(&self, namespace: &str, query: &Query, after: Option<&Cursor>) -> Page {
        let filter = query.filter().normalized();
        self.answer(namespace, |reading| ask::query(reading, query, &filter, after))
    }

    /// Returns how many match a query's filter, whatever its limit. What the indexes know for certain is counted
    /// and not looked at.
    ///
    /// # Consistency
    ///
    /// As [`Registry::query`].
    pub fn count(&self, namespace: &str, query: &Query) -> usize {
        let filter = query.filter().normalized();
        self.answer(namespace, |reading| ask::count(reading, &filter))
    }

    /// Returns whether anything matches a query's filter; looks no further than the first that does.
    ///
    /// # Consistency
    ///
    /// As [`Registry::query`].
    pub fn exists(&self, namespace: &str, query: &Query) -> bool {
        let filter = query.filter().normalized();
        self.answer(namespace, |reading| ask::exists(reading, &filter))
    }

    /// Tells how a query would be answered now.
    ///
    /// # Consistency
    ///
    /// As of one moment. The candidates are never fewer than match then, and may be more: an index keeps for a while
    /// what has just changed.
    pub fn explain(&self, namespace: &str, query: &Query) -> Plan {
        let filter = query.filter().normalized();
        self.answer(namespace, |reading| plan(reading, &filter).explain())
    }

    /// Answers a question as of one revision of a namespace; none was ever registered in, the default.
    pub(crate) fn answer<R: Default>(&self, namespace: &str, f: impl Fn(&Reading<'_>) -> R) -> R {
        self.answer_in(Held::Names, namespace, f)
    }

    /// As [`Registry::answer`], of names or of memberships.
    pub(crate) fn answer_in<R: Default>(
        &self,
        held: Held,
        namespace: &str,
        f: impl Fn(&Reading<'_>) -> R,
    ) -> R {
        let found = self.shared().holdings(held).namespaces.get(namespace);
        found.map(|found| found.answer(f)).unwrap_or_default()
    }
}
