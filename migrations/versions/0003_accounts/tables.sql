alter table public.users
  add column clerk_updated_at timestamptz,
  add column is_named_here boolean not null default false;

create table public.revoked_sessions (
  id uuid not null default gen_random_uuid(),
  session_id text not null,
  reason text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_revoked_sessions primary key (id),
  constraint uq_revoked_sessions_session_id unique (session_id),
  constraint ck_revoked_sessions_reason check (reason in ('signed_out', 'ended', 'removed', 'revoked'))
);
create index ix_revoked_sessions_created_at on public.revoked_sessions (created_at);

create table public.email_verifications (
  id uuid not null default gen_random_uuid(),
  email_hash text not null,
  purpose text not null,
  clerk_user_id text not null,
  email_address_id text not null,
  verification_id text not null,
  expires_at timestamptz not null,
  proven_code_hash text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_email_verifications primary key (id),
  constraint uq_email_verifications_email_hash_purpose unique (email_hash, purpose),
  constraint ck_email_verifications_purpose check (purpose in ('sign_up', 'password_reset'))
);
create index ix_email_verifications_clerk_user_id on public.email_verifications (clerk_user_id);
create index ix_email_verifications_expires_at on public.email_verifications (expires_at);

create table public.authentication_logs (
  id uuid not null default gen_random_uuid(),
  event text not null,
  outcome text not null,
  reason text,
  user_id uuid,
  email_hash text,
  session_id text,
  actor text,
  address text,
  user_agent text,
  request_id text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_authentication_logs primary key (id),
  constraint ck_authentication_logs_event check (
    event in (
      'sign_up', 'sign_up_verify', 'sign_in', 'sign_out', 'password_reset', 'password_reset_confirm',
      'impersonation', 'session_end', 'account_delete'
    )
  ),
  constraint ck_authentication_logs_outcome check (outcome in ('succeeded', 'refused', 'failed'))
);
create index ix_authentication_logs_created_at on public.authentication_logs (created_at);
create index ix_authentication_logs_user_id_created_at on public.authentication_logs (user_id, created_at);
create index ix_authentication_logs_email_hash_created_at on public.authentication_logs (email_hash, created_at);
-- A session in which somebody acts for its user is noted once, not at each of its requests.
create unique index uq_authentication_logs_impersonation on public.authentication_logs (session_id)
  where event = 'impersonation';

create table public.webhook_events (
  id uuid not null default gen_random_uuid(),
  provider text not null,
  event_id text not null,
  type text not null,
  subject_id text,
  occurred_at timestamptz,
  payload jsonb,
  state text not null default 'RECEIVED',
  attempts integer not null default 0,
  error text,
  processed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_billing_events primary key (id),
  constraint uq_billing_events_provider_event_id unique (provider, event_id),
  constraint ck_billing_events_provider check (provider in ('clerk', 'dodo')),
  constraint ck_billing_events_state check (state in ('RECEIVED', 'PROCESSED', 'IGNORED', 'FAILED'))
);
create index ix_billing_events_provider_subject_id on public.webhook_events (provider, subject_id);
create index ix_billing_events_state_created_at on public.webhook_events (state, created_at);
