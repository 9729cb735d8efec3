use super::{ActionContext, CancelFlag};

#[test]
fn a_raised_flag_stops_the_action_that_shares_it() {
    let flag = CancelFlag::default();
    let context = ActionContext::new(".").with_cancel(flag.clone());
    assert!(context.check().is_ok());
    flag.cancel();
    assert!(context.check().is_err());
}
