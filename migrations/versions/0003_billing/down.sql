drop table
  public.credits, public.disputes, public.refunds, public.invoices, public.payments, public.payment_methods;

-- The indexes and constraints of the columns go with them.
drop index public.ix_subscriptions_provider_customer_id;
alter table public.subscriptions
  drop column provider_status,
  drop column provider_payment_method_id,
  drop column provider_updated_at,
  drop column provider_fetched_at,
  drop column provider_digest,
  drop column cancel_at_period_end,
  drop column is_trial,
  drop column past_due_until,
  drop column checkout_session_id,
  drop column checkout_url,
  drop column change_to_plan_id,
  drop column change_requested_at,
  drop column cancel_requested_at;
