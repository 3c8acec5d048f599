"""Exports of a report: Markdown to read, JSON for programs, and CSV for spreadsheets."""
