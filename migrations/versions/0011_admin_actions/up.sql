-- Actions of administrators. The row of an action is part of the transaction of its change; that of an action outside of
-- the database is written before it, with the outcome STARTED. Browsers read nothing of this table.

create table public.admin_actions (
  id uuid not null default gen_random_uuid(),
  admin_id uuid not null,
  action text not null,
  target_type text not null,
  target_id uuid not null,
  reason text not null,
  outcome text not null,
  details jsonb not null default '{}'::jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_admin_actions primary key (id),
  constraint fk_admin_actions_admin_id foreign key (admin_id) references public.users (id),
  constraint ck_admin_actions_action check (
    action in ('requeue_event', 'retry_request', 'switch_platform', 'refund_payment', 'change_plan')
  ),
  constraint ck_admin_actions_target_type check (
    target_type in ('webhook_event', 'request', 'platform', 'payment', 'user')
  ),
  constraint ck_admin_actions_outcome check (outcome in ('STARTED', 'SUCCEEDED', 'REFUSED', 'FAILED')),
  constraint ck_admin_actions_reason_is_bounded check (char_length(reason) between 3 and 500)
);
create index ix_admin_actions_admin_id_created_at on public.admin_actions (admin_id, created_at);
create index ix_admin_actions_target_id on public.admin_actions (target_id);
create index ix_admin_actions_created_at on public.admin_actions (created_at);
-- A payment is refunded once: a second refund cannot begin while the outcome of the first is open, nor after it.
create unique index uq_admin_actions_refund on public.admin_actions (target_id)
  where action = 'refund_payment' and outcome in ('STARTED', 'SUCCEEDED');

select private.protect('public.admin_actions');
-- The backend adds rows and their outcomes, and deletes none.
revoke delete on public.admin_actions from whyviral_backend;
