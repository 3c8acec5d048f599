-- Billing. Rows mirror what the provider reported. provider_updated_at is the provider's time of the newest report in the
-- row, provider_digest the hash of that report, and provider_fetched_at our time of the last fetch. Amounts are whole cents.

alter table public.subscriptions
  add column provider_status text,
  add column provider_payment_method_id text,
  add column provider_updated_at timestamptz,
  add column provider_fetched_at timestamptz,
  add column provider_digest text,
  add column cancel_at_period_end boolean not null default false,
  add column is_trial boolean not null default false,
  add column past_due_until timestamptz,
  add column checkout_session_id text,
  add column checkout_url text,
  add column change_to_plan_id uuid,
  add column change_requested_at timestamptz,
  add column cancel_requested_at timestamptz;
-- The table has one row per user and no product is on sale before this migration, so its locks last milliseconds.
alter table public.subscriptions
  -- squawk-ignore constraint-missing-not-valid, disallowed-unique-constraint
  add constraint uq_subscriptions_checkout_session_id unique (checkout_session_id),
  -- squawk-ignore constraint-missing-not-valid, adding-foreign-key-constraint
  add constraint fk_subscriptions_change_to_plan_id foreign key (change_to_plan_id) references public.plans (id);
-- squawk-ignore require-concurrent-index-creation
create index ix_subscriptions_change_to_plan_id on public.subscriptions (change_to_plan_id);
-- squawk-ignore require-concurrent-index-creation
create index ix_subscriptions_provider_customer_id on public.subscriptions (provider_customer_id);

create table public.payment_methods (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  provider text not null,
  provider_payment_method_id text not null,
  kind text not null,
  brand text,
  last_four text,
  expiry_month integer,
  expiry_year integer,
  provider_updated_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_payment_methods primary key (id),
  constraint uq_payment_methods_provider_payment_method_id unique (provider_payment_method_id),
  constraint fk_payment_methods_user_id foreign key (user_id) references public.users (id),
  constraint ck_payment_methods_provider check (provider in ('STRIPE', 'DODO'))
);
create index ix_payment_methods_user_id_created_at on public.payment_methods (user_id, created_at);

create table public.payments (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  provider text not null,
  provider_payment_id text not null,
  provider_subscription_id text,
  provider_payment_method_id text,
  provider_status text,
  status text not null,
  amount_cents bigint not null,
  tax_cents bigint not null,
  refunded_cents bigint not null default 0,
  currency text not null,
  charge_type text,
  error_code text,
  paid_at timestamptz not null,
  provider_updated_at timestamptz not null,
  provider_fetched_at timestamptz,
  provider_digest text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_payments primary key (id),
  constraint uq_payments_provider_payment_id unique (provider_payment_id),
  constraint fk_payments_user_id foreign key (user_id) references public.users (id),
  constraint ck_payments_provider check (provider in ('STRIPE', 'DODO')),
  constraint ck_payments_status check (
    status in ('PENDING', 'PROCESSING', 'SUCCEEDED', 'FAILED', 'CANCELED', 'REFUNDED')
  ),
  constraint ck_payments_amounts_add_up check (
    amount_cents >= 0 and tax_cents between 0 and amount_cents and refunded_cents between 0 and amount_cents
  )
);
create index ix_payments_user_id_paid_at on public.payments (user_id, paid_at);
create index ix_payments_provider_subscription_id on public.payments (provider_subscription_id);
create index ix_payments_status on public.payments (status);

create table public.invoices (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  payment_id uuid not null,
  provider_invoice_id text,
  amount_cents bigint not null,
  tax_cents bigint not null,
  currency text not null,
  period_start timestamptz,
  period_end timestamptz,
  issued_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_invoices primary key (id),
  constraint uq_invoices_payment_id unique (payment_id),
  constraint fk_invoices_user_id foreign key (user_id) references public.users (id),
  constraint fk_invoices_payment_id foreign key (payment_id) references public.payments (id),
  constraint ck_invoices_not_negative check (amount_cents >= 0 and tax_cents between 0 and amount_cents)
);
create index ix_invoices_user_id_issued_at on public.invoices (user_id, issued_at);

create table public.refunds (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  payment_id uuid not null,
  provider_refund_id text not null,
  status text not null,
  amount_cents bigint not null,
  currency text not null,
  reason text,
  refunded_at timestamptz not null,
  provider_updated_at timestamptz not null,
  provider_fetched_at timestamptz,
  provider_digest text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_refunds primary key (id),
  constraint uq_refunds_provider_refund_id unique (provider_refund_id),
  constraint fk_refunds_user_id foreign key (user_id) references public.users (id),
  constraint fk_refunds_payment_id foreign key (payment_id) references public.payments (id),
  constraint ck_refunds_status check (status in ('PENDING', 'REVIEW', 'SUCCEEDED', 'FAILED')),
  constraint ck_refunds_not_negative check (amount_cents >= 0)
);
create index ix_refunds_user_id_refunded_at on public.refunds (user_id, refunded_at);
create index ix_refunds_payment_id on public.refunds (payment_id);
create index ix_refunds_status on public.refunds (status);

create table public.disputes (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  payment_id uuid not null,
  provider_dispute_id text not null,
  status text not null,
  stage text,
  amount_cents bigint not null,
  currency text not null,
  disputed_at timestamptz not null,
  provider_updated_at timestamptz not null,
  provider_fetched_at timestamptz,
  provider_digest text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_disputes primary key (id),
  constraint uq_disputes_provider_dispute_id unique (provider_dispute_id),
  constraint fk_disputes_user_id foreign key (user_id) references public.users (id),
  constraint fk_disputes_payment_id foreign key (payment_id) references public.payments (id),
  constraint ck_disputes_not_negative check (amount_cents >= 0)
);
create index ix_disputes_user_id_disputed_at on public.disputes (user_id, disputed_at);
create index ix_disputes_payment_id on public.disputes (payment_id);
create index ix_disputes_status on public.disputes (status);

-- A ledger entry never changes, so the first report of it is kept. Credits are units of the provider, not cents.
create table public.credits (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  provider_entry_id text not null,
  kind text not null,
  amount numeric(20, 6) not null,
  balance_after numeric(20, 6) not null,
  is_credit boolean not null,
  credited_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_credits primary key (id),
  constraint uq_credits_provider_entry_id unique (provider_entry_id),
  constraint fk_credits_user_id foreign key (user_id) references public.users (id)
);
create index ix_credits_user_id_credited_at on public.credits (user_id, credited_at);

-- Browsers read billing through the API only.
select private.protect(new_table) from unnest(array[
  'public.payment_methods', 'public.payments', 'public.invoices', 'public.refunds', 'public.disputes', 'public.credits'
]::regclass[]) as new_table;
