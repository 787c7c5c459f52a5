-- Made on first use; running it again changes nothing.
CREATE TABLE IF NOT EXISTS homework (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    student text NOT NULL,
    title text NOT NULL,
    done boolean NOT NULL DEFAULT false
);
ALTER TABLE homework ADD COLUMN IF NOT EXISTS created_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX IF NOT EXISTS homework_of_student ON homework (student, id);
CREATE TABLE IF NOT EXISTS notification (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job text,
    student text NOT NULL,
    message text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
-- What was made before has no job, or one that tells a single student.
ALTER TABLE notification ADD COLUMN IF NOT EXISTS job text;
ALTER TABLE notification DROP CONSTRAINT IF EXISTS notification_job_key;
CREATE INDEX IF NOT EXISTS notification_of_student ON notification (student, id);
CREATE TABLE IF NOT EXISTS report (
    student text PRIMARY KEY,
    pdf bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS schedule_conflict (
    class text NOT NULL,
    first_lesson bigint NOT NULL,
    second_lesson bigint NOT NULL,
    PRIMARY KEY (class, first_lesson, second_lesson)
);
CREATE TABLE IF NOT EXISTS lesson (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    class text NOT NULL,
    subject text NOT NULL,
    during tsrange NOT NULL
);
INSERT INTO homework (student, title, done)
SELECT 'student-' || s, 'Exercise ' || n, n % 3 = 0
FROM generate_series(1, 20) AS s, generate_series(1, 12) AS n
WHERE NOT EXISTS (SELECT FROM homework);
INSERT INTO lesson (class, subject, during)
SELECT '5-' || c, subject, tsrange(t, t + minutes * interval '1 minute')
FROM generate_series(1, 4) AS c,
     (VALUES ('Mathematics', timestamp '2026-09-01 08:00', 45),
             ('Serbian', timestamp '2026-09-01 08:50', 45),
             ('Physics', timestamp '2026-09-01 09:20', 45)) AS plan (subject, t, minutes)
WHERE NOT EXISTS (SELECT FROM lesson);
CREATE UNIQUE INDEX IF NOT EXISTS notification_of_job ON notification (job, student);
CREATE TABLE IF NOT EXISTS account (
    name text PRIMARY KEY,
    role text NOT NULL,
    password_hash text NOT NULL
);
