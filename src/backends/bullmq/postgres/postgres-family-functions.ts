/** Whose children runs are, and what their steps have come to. */
export const FAMILY = `
-- Of a run that is somebody's child.
ALTER TABLE @places ADD COLUMN parent_id text COLLATE "C", ADD COLUMN parent_ordinal double precision;
CREATE INDEX places_parent ON @places (parent_id, parent_ordinal) WHERE parent_id IS NOT NULL;

-- Of runs that have not ended.
CREATE TABLE @steps (job_id text COLLATE "C", key text COLLATE "C", step_text text NOT NULL, PRIMARY KEY (job_id, key));
ALTER TABLE @notes ADD COLUMN has_steps boolean NOT NULL DEFAULT false;

-- As claim(), of a child. A claim that is nobody's child writes nothing of this.
CREATE FUNCTION @claim_child(
  p_id text, p_job_id text, p_lane text, p_ordinal float8, p_version_base float8, p_since float8, p_replaces text,
  p_key text, p_fingerprint text, p_at float8, p_keep_ms float8, p_max_keys float8,
  p_job_text text, p_redrives text, p_expires_at float8,
  p_schedule text, p_expected float8, p_version float8, p_schedule_text text,
  p_parent_id text, p_parent_ordinal float8
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  v_claimed jsonb;
BEGIN
  v_claimed := @claim(p_id, p_job_id, p_lane, p_ordinal, p_version_base, p_since, p_replaces,
    p_key, p_fingerprint, p_at, p_keep_ms, p_max_keys, p_job_text, p_redrives, p_expires_at,
    p_schedule, p_expected, p_version, p_schedule_text);
  IF v_claimed ->> 'type' = 'claimed' THEN
    UPDATE @places SET parent_id = p_parent_id, parent_ordinal = p_parent_ordinal WHERE id = p_id;
  END IF;
  RETURN v_claimed;
END $$;

-- As before; and nobody's child has taken the id, unless claim_child() says otherwise after this.
CREATE OR REPLACE FUNCTION @leave(p_id text, p_job_id text, p_at float8) RETURNS void LANGUAGE sql AS $$
  DELETE FROM @notes WHERE job_id = p_job_id AND (end_status IS NULL OR gone);
  UPDATE @notes SET replaced = true, at_work = false WHERE job_id = p_job_id;
  DELETE FROM @expiries WHERE job_id = p_job_id;
  DELETE FROM @outbox WHERE job_id = p_job_id;
  DELETE FROM @steps WHERE job_id = p_job_id;
  UPDATE @keys SET ended_at = p_at WHERE id = p_id AND job_id = p_job_id AND ended_at IS NULL;
  UPDATE @places SET parent_id = NULL, parent_ordinal = NULL WHERE id = p_id AND parent_id IS NOT NULL;
$$;

-- As before; and the steps go.
CREATE OR REPLACE FUNCTION @forget(p_ids text[], p_job_ids text[], p_lanes text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  WITH gone AS (
    DELETE FROM @places p USING unnest(p_ids, p_job_ids) AS g (id, job_id)
    WHERE p.id = g.id AND p.job_id = g.job_id RETURNING p.id
  ) DELETE FROM @keys WHERE id IN (SELECT id FROM gone);
  DELETE FROM @keys k USING unnest(p_ids, p_job_ids) AS g (id, job_id) WHERE k.id = g.id AND k.job_id = g.job_id;
  DELETE FROM @notes WHERE job_id = ANY (p_job_ids);
  DELETE FROM @expiries WHERE job_id = ANY (p_job_ids);
  DELETE FROM @outbox WHERE job_id = ANY (p_job_ids);
  DELETE FROM @steps WHERE job_id = ANY (p_job_ids);
  PERFORM @drop_dead_lanes(ARRAY(SELECT DISTINCT split_part(lane, '|', 4) FROM unnest(p_lanes) AS g (lane)));
END $$;

-- The first text of a key stays. Null where a later delivery has written, or the run has ended.
CREATE FUNCTION @keep_step(
  p_lane text, p_job_id text, p_delivery integer, p_stalls integer, p_key text, p_text text
) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO @notes AS n (job_id, lane, delivery, stalls_before, has_steps)
  VALUES (p_job_id, p_lane, p_delivery, p_stalls, true)
  ON CONFLICT (job_id) DO UPDATE SET lane = excluded.lane, delivery = excluded.delivery,
    stalls_before = excluded.stalls_before, has_steps = true
    WHERE n.delivery <= excluded.delivery AND n.end_status IS NULL;
  IF NOT FOUND THEN RETURN NULL; END IF;
  INSERT INTO @steps VALUES (p_job_id, p_key, p_text) ON CONFLICT DO NOTHING;
  RETURN (SELECT step_text FROM @steps WHERE job_id = p_job_id AND key = p_key);
END $$;

-- In an end's statement, but after what others have kept while that waited for the note.
CREATE FUNCTION @drop_steps(p_job_id text) RETURNS void LANGUAGE sql AS $$
  DELETE FROM @steps WHERE job_id = p_job_id;
$$;
`;
