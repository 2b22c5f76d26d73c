"""The training loop and what it needs: batches, baseline, processes, snapshots, final checks. No database."""
