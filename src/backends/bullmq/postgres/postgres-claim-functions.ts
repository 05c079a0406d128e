/**
 * What a start claims, all of it or nothing, in one round trip. Locks are taken in one order by all, so that no two
 * claims wait for one another; each statement sees what was committed before it began, so after the locks nobody else
 * changes what is read. Answers with `Claimed` as JSON.
 */
export const CLAIM_FUNCTIONS = `
CREATE FUNCTION @claim(
  p_id text, p_job_id text, p_lane text, p_ordinal float8, p_version_base float8, p_since float8, p_replaces text,
  p_key text, p_fingerprint text, p_at float8, p_keep_ms float8, p_max_keys float8,
  p_job_text text, p_redrives text, p_expires_at float8,
  p_schedule text, p_expected float8, p_version float8, p_schedule_text text
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  v_by text;
  v_key @keys%ROWTYPE;
  v_old @places%ROWTYPE;
  v_new @places%ROWTYPE;
BEGIN
  IF p_key IS NOT NULL THEN PERFORM pg_advisory_xact_lock(hashtextextended('@ key ' || p_key, 0)); END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('@ id ' || p_id, 0));
  IF p_redrives IS NOT NULL THEN PERFORM pg_advisory_xact_lock(hashtextextended('@ redrive ' || p_redrives, 0)); END IF;

  IF p_schedule IS NOT NULL THEN
    PERFORM 1 FROM @schedules WHERE id = p_schedule AND version = p_expected FOR UPDATE;
    IF NOT FOUND THEN RETURN jsonb_build_object('type', 'other schedule'); END IF;
  END IF;
  IF p_redrives IS NOT NULL THEN
    SELECT redriven_by INTO v_by FROM @notes WHERE job_id = p_redrives;
    IF v_by IS NOT NULL THEN RETURN jsonb_build_object('type', 'redriven', 'by', v_by); END IF;
  END IF;
  IF p_key IS NOT NULL THEN
    SELECT * INTO v_key FROM @keys WHERE name = p_key;
    IF FOUND THEN
      RETURN jsonb_build_object('type', 'key taken', 'id', v_key.id, 'fingerprint', v_key.fingerprint,
        'expired', v_key.expires_at <= p_at);
    END IF;
  END IF;
  SELECT * INTO v_old FROM @places WHERE id = p_id FOR UPDATE;
  IF FOUND AND v_old.job_id IS DISTINCT FROM p_replaces THEN
    RETURN jsonb_build_object('type', 'id taken', 'place', @place_json(v_old));
  END IF;
  IF p_key IS NOT NULL AND NOT @has_room(p_max_keys) THEN
    RETURN jsonb_build_object('type', 'no room for keys');
  END IF;

  INSERT INTO @places AS p (id, job_id, lane, ordinal, version_base, since)
  -- greatest() leaves nulls out. The versions of one delivery are 2^24: see run-version.ts.
  VALUES (p_id, p_job_id, p_lane, greatest(p_ordinal, v_old.ordinal + 1),
    greatest(p_version_base, v_old.version_base + 16777216), p_since)
  ON CONFLICT (id) DO UPDATE SET job_id = excluded.job_id, lane = excluded.lane, ordinal = excluded.ordinal,
    version_base = excluded.version_base, since = excluded.since
  RETURNING * INTO v_new;
  IF v_old.job_id IS NOT NULL THEN PERFORM @leave(p_id, v_old.job_id, p_since); END IF;
  IF p_key IS NOT NULL THEN
    INSERT INTO @keys VALUES (p_key, p_fingerprint, p_id, p_job_id, p_at + p_keep_ms, NULL);
  END IF;
  IF p_expires_at IS NOT NULL THEN
    INSERT INTO @expiries VALUES (p_job_id, p_lane, p_expires_at) ON CONFLICT DO NOTHING;
  END IF;
  IF p_job_text IS NOT NULL THEN
    INSERT INTO @outbox VALUES (p_job_id, p_since, p_job_text) ON CONFLICT DO NOTHING;
  END IF;
  IF p_schedule IS NOT NULL THEN
    UPDATE @schedules SET version = p_version, schedule_text = p_schedule_text WHERE id = p_schedule;
  END IF;
  IF p_redrives IS NOT NULL THEN
    INSERT INTO @notes (job_id, redriven_by) VALUES (p_redrives, p_id)
    ON CONFLICT (job_id) DO UPDATE SET redriven_by = excluded.redriven_by;
  END IF;
  RETURN jsonb_build_object('type', 'claimed', 'place', @place_json(v_new));
END $$;

CREATE FUNCTION @place_json(p @places) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT jsonb_build_object('jobId', p.job_id, 'lane', p.lane, 'ordinal', p.ordinal, 'versionBase', p.version_base,
    'since', p.since)
$$;

-- Another run has taken the id of an ended one: what was kept of that goes; but where BullMQ may still deliver its job,
-- what says that it has ended stays until that is gone. Its keys stand for the new run.
CREATE FUNCTION @leave(p_id text, p_job_id text, p_at float8) RETURNS void LANGUAGE sql AS $$
  DELETE FROM @notes WHERE job_id = p_job_id AND (end_status IS NULL OR gone);
  UPDATE @notes SET replaced = true, at_work = false WHERE job_id = p_job_id;
  DELETE FROM @expiries WHERE job_id = p_job_id;
  DELETE FROM @outbox WHERE job_id = p_job_id;
  UPDATE @keys SET ended_at = p_at WHERE id = p_id AND job_id = p_job_id AND ended_at IS NULL;
$$;

-- A claim is taken back; only while it stands for that job.
CREATE FUNCTION @unclaim(p_id text, p_job_id text, p_key text, p_redrives text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM @keys WHERE name = p_key AND id = p_id AND job_id = p_job_id;
  DELETE FROM @outbox WHERE job_id = p_job_id;
  DELETE FROM @places WHERE id = p_id AND job_id = p_job_id;
  IF NOT FOUND THEN RETURN; END IF;
  DELETE FROM @expiries WHERE job_id = p_job_id;
  UPDATE @notes SET redriven_by = NULL WHERE job_id = p_redrives AND redriven_by = p_id;
  PERFORM @tidy(p_redrives);
END $$;

-- The run of a key has ended: the key may go, and goes now where its time is over.
CREATE FUNCTION @key_ended(p_name text, p_id text, p_at float8) RETURNS void LANGUAGE sql AS $$
  DELETE FROM @keys WHERE name = p_name AND id = p_id AND expires_at <= p_at;
  UPDATE @keys SET ended_at = p_at WHERE name = p_name AND id = p_id AND ended_at IS NULL;
$$;

-- Whether one more key can be kept. Counts only where there may be too many, and makes room for more than one then.
CREATE FUNCTION @has_room(p_max float8) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_made bigint := nextval('@keys_made');
  v_keys bigint;
  v_gone bigint;
BEGIN
  IF (SELECT keys + v_made - made FROM @keys_counted) <= p_max THEN RETURN true; END IF;
  -- One after the other: two would drop the same keys.
  PERFORM 1 FROM @keys_counted FOR UPDATE;
  SELECT count(*) INTO v_keys FROM @keys;
  IF v_keys >= p_max THEN
    WITH gone AS (
      DELETE FROM @keys WHERE name IN (
        SELECT name FROM @keys WHERE ended_at IS NOT NULL
        ORDER BY ended_at LIMIT greatest(v_keys - p_max + 1, p_max / 100)::bigint
      ) RETURNING 1
    ) SELECT count(*) INTO v_gone FROM gone;
    v_keys := v_keys - v_gone;
  END IF;
  -- The one that is made now counts, too.
  UPDATE @keys_counted SET keys = v_keys + (v_keys < p_max)::int, made = v_made;
  RETURN v_keys < p_max;
END $$;
`;
