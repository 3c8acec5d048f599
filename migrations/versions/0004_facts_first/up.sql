-- Baselines of creators, requests by handle, and the measurements of a post that are saved before a model is asked.

create table public.creator_baselines (
  id uuid not null default gen_random_uuid(),
  platform text not null,
  creator text not null,
  kind text not null,
  posts jsonb not null default '[]'::jsonb,
  n integer not null default 0,
  metric text,
  median numeric,
  lower_quartile numeric,
  upper_quartile numeric,
  has_exact_times boolean not null default true,
  fetched_at timestamptz,
  is_stand_in boolean not null default false,
  error jsonb,
  claimed_by uuid,
  claimed_until timestamptz,
  scrape_job jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_creator_baselines primary key (id),
  constraint uq_creator_baselines_platform_creator_kind unique (platform, creator, kind),
  constraint fk_creator_baselines_platform foreign key (platform) references public.platforms (slug),
  constraint ck_creator_baselines_kind check (kind in ('short', 'long', 'live', 'reel', 'photo', 'post')),
  constraint ck_creator_baselines_metric check (metric in ('views', 'likes')),
  constraint ck_creator_baselines_n_not_negative check (n >= 0)
);
create index ix_creator_baselines_fetched_at on public.creator_baselines (fetched_at);
select private.protect('public.creator_baselines');

alter table public.post_analysis_requests
  add column handle text,
  add column handle_posts integer
  constraint ck_post_analysis_requests_handle_posts check (handle_posts between 1 and 5);

alter table public.analysis_request_posts
  add column measured jsonb,
  add column creator_baseline_id uuid,
  add column baseline_reason text;

alter table public.usage_reservations
  add column kind text not null default 'url'
  constraint ck_usage_reservations_kind check (kind in ('url', 'handle'));

do $browser$
begin
  if to_regprocedure('auth.jwt()') is null or not exists (select from pg_roles where rolname = 'authenticated') then
    return; -- not Supabase
  end if;
  grant select (handle, handle_posts) on public.post_analysis_requests to authenticated;
  grant select (measured, baseline_reason) on public.analysis_request_posts to authenticated;
end
$browser$;
