//! Behaviour of supervisors, in simulation and virtual time unless a test says otherwise.

#[cfg(test)]
mod batches;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod down;
#[cfg(test)]
mod dynamic;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod model;
#[cfg(test)]
mod probe;
#[cfg(test)]
mod restarts;
#[cfg(test)]
mod subtree;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod waiting;
