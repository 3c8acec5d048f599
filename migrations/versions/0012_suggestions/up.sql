-- The suggestions of analyses as rows. A user marks one as done with the URL of a new post. Browsers read them through
-- the API only.

create table public.suggestions (
  id uuid not null default gen_random_uuid(),
  post_analysis_id uuid not null,
  position integer not null,
  text text not null,
  done_at timestamptz,
  new_url text,
  new_platform text,
  new_platform_post_id text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pk_suggestions primary key (id),
  constraint uq_suggestions_post_analysis_id_position unique (post_analysis_id, position),
  constraint fk_suggestions_post_analysis_id
    foreign key (post_analysis_id) references public.post_analyses (id) on delete cascade,
  constraint fk_suggestions_new_platform foreign key (new_platform) references public.platforms (slug),
  constraint ck_suggestions_position check (position between 1 and 4),
  constraint ck_suggestions_is_done_with_a_post
    check (num_nulls(done_at, new_url, new_platform, new_platform_post_id) in (0, 4))
);
create index ix_suggestions_new_platform on public.suggestions (new_platform);
select private.protect('public.suggestions');

insert into public.suggestions (post_analysis_id, position, text)
select analysis.id, suggestion.number, suggestion.words
from public.post_analyses as analysis
cross join lateral jsonb_array_elements_text(analysis.suggestions_for_future_posts)
  with ordinality as suggestion (words, number)
where suggestion.number <= 4;
