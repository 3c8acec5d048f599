drop table public.analysis_notes;
