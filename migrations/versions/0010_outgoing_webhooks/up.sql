-- Outgoing webhooks. A delivery has to be signed, so the secret of an endpoint is stored as it is; browsers read nothing of
-- these tables.

create table public.outgoing_endpoints (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  url text not null,
  description text not null default '',
  events text[] not null,
  secret text not null,
  previous_secret text,
  previous_secret_until timestamptz,
  is_enabled boolean not null default true,
  disabled_reason text,
  failing_since timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_outgoing_endpoints primary key (id),
  constraint fk_outgoing_endpoints_user_id foreign key (user_id) references public.users (id) on delete cascade,
  constraint ck_outgoing_endpoints_url_is_bounded check (char_length(url) between 1 and 2000),
  constraint ck_outgoing_endpoints_description_is_bounded check (char_length(description) <= 200),
  constraint ck_outgoing_endpoints_events_are_known
    check (cardinality(events) > 0 and events <@ array['analysis.completed', 'analysis.failed']),
  constraint ck_outgoing_endpoints_rotation_is_whole
    check ((previous_secret is null) = (previous_secret_until is null)),
  constraint ck_outgoing_endpoints_only_disabled_have_a_reason check (not is_enabled or disabled_reason is null)
);

create index ix_outgoing_endpoints_user_id_created_at on public.outgoing_endpoints (user_id, created_at);

create table public.outgoing_deliveries (
  id uuid not null default gen_random_uuid(),
  endpoint_id uuid not null,
  analysis_request_id uuid,
  type text not null,
  data jsonb not null,
  state text not null default 'PENDING',
  attempts integer not null default 0,
  attempts_left integer not null,
  next_attempt_at timestamptz not null,
  requeue_at timestamptz not null,
  attempt_log jsonb not null default '[]'::jsonb,
  delivered_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_outgoing_deliveries primary key (id),
  constraint fk_outgoing_deliveries_endpoint_id
    foreign key (endpoint_id) references public.outgoing_endpoints (id) on delete cascade,
  constraint fk_outgoing_deliveries_analysis_request_id
    foreign key (analysis_request_id) references public.post_analysis_requests (id) on delete cascade,
  constraint ck_outgoing_deliveries_type check (type in ('analysis.completed', 'analysis.failed', 'webhook.test')),
  constraint ck_outgoing_deliveries_state check (state in ('PENDING', 'DELIVERED', 'FAILED')),
  constraint ck_outgoing_deliveries_attempts_are_counted check (attempts >= 0 and attempts_left >= 0)
);

create index ix_outgoing_deliveries_endpoint_id_created_at on public.outgoing_deliveries (endpoint_id, created_at);
create index ix_outgoing_deliveries_analysis_request_id on public.outgoing_deliveries (analysis_request_id);
create index ix_outgoing_deliveries_created_at on public.outgoing_deliveries (created_at);
create index ix_outgoing_deliveries_requeue_at on public.outgoing_deliveries (requeue_at) where state = 'PENDING';

select private.protect(new_table) from unnest(array[
  'public.outgoing_endpoints', 'public.outgoing_deliveries'
]::regclass[]) as new_table;
