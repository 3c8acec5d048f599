-- Share links: at most one of each request. A token grants access to a report, so only its SHA-256 is stored, and
-- browsers read nothing of this table.

create table public.share_links (
  id uuid not null default gen_random_uuid(),
  request_id uuid not null,
  token_sha256 text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_share_links primary key (id),
  constraint uq_share_links_request_id unique (request_id),
  constraint uq_share_links_token_sha256 unique (token_sha256),
  constraint fk_share_links_request_id
    foreign key (request_id) references public.post_analysis_requests (id) on delete cascade,
  constraint ck_share_links_token_is_hashed check (token_sha256 ~ '^[0-9a-f]{64}$')
);

select private.protect('public.share_links');
