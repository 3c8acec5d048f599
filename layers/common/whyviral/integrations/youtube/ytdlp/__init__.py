"""YouTube through yt-dlp, bounded in time, size and hosts. Imported with the first video, since the import is slow."""
