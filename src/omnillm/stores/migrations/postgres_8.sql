-- As sqlite_11.sql: an id below which none of the run's requests holds a reservation.
ALTER TABLE epochs ADD COLUMN closed_below text COLLATE "C" NOT NULL DEFAULT '';
