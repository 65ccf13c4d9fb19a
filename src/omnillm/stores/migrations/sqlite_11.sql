-- None of the run's requests with a lower id holds a reservation: after a kill, the next start looks for those only from here on.
ALTER TABLE epochs ADD COLUMN closed_below TEXT NOT NULL DEFAULT '';
