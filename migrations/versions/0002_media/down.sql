-- The bucket stays: it may hold files, which SQL must not delete.
drop table public.user_post_activity;

alter table public.post_media
  drop column is_page, drop column content_type, drop column width, drop column height, drop column thumbnail_path,
  drop column thumbnail_url, drop column frames, drop column transcript_source, drop column transcript_truncated,
  drop column processed_at;

alter table public.analysis_request_posts drop column path_word;

alter table public.posts drop column details, drop column scrape_job;
