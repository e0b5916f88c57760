"""What people have in files: read as it is, and nothing guessed. Text only, no database."""
