/** Notes of runs that have not ended and are in a state which BullMQ's counts do not show. */
export const LIVE = `(end_status IS NULL AND (cancel_text IS NOT NULL OR held_text IS NOT NULL OR retry_at IS NOT NULL))`;
/** Notes of runs that are not to begin (again), whose jobs BullMQ may still deliver. */
export const OVER = `((end_status IS NULL AND cancel_text IS NOT NULL) OR (end_status IS NOT NULL AND NOT at_work AND NOT gone))`;
/** Notes of ended runs whose handlers are still at work, or were when their processes died. */
export const HELD = `(end_status IS NOT NULL AND at_work)`;
/** Notes of ended runs whose ids are not another's. */
export const ENDED = `(end_status IS NOT NULL AND NOT replaced)`;

/** A note that says nothing goes. */
const TIDY = `
CREATE FUNCTION @tidy(p_job_id text) RETURNS void LANGUAGE sql AS $$
  DELETE FROM @notes WHERE job_id = p_job_id AND delivery = 0 AND end_status IS NULL
    AND coalesce(cancel_text, held_text, left_text, checkpoint_text, redriven_by) IS NULL AND retry_at IS NULL;
$$;
`;

/** Keeps the first cancel of a run that has no end; gives null where it has one. */
const REQUEST_CANCEL = `
CREATE FUNCTION @request_cancel(p_lane text, p_job_id text, p_cancel_text text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO @notes AS n (job_id, lane, cancel_text) VALUES (p_job_id, p_lane, p_cancel_text)
  ON CONFLICT (job_id) DO UPDATE SET lane = excluded.lane, cancel_text = excluded.cancel_text
    WHERE n.cancel_text IS NULL AND n.end_status IS NULL;
  RETURN (SELECT cancel_text FROM @notes WHERE job_id = p_job_id AND end_status IS NULL);
END $$;

CREATE FUNCTION @drop_cancel(p_job_id text) RETURNS void LANGUAGE sql AS $$
  UPDATE @notes SET cancel_text = NULL WHERE job_id = p_job_id AND end_status IS NULL;
  SELECT @tidy(p_job_id);
$$;
`;

/** BullMQ has no job of an ended run any more, and no handler of it is at work. */
const LET_GO = `
CREATE FUNCTION @let_go(p_job_id text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_note @notes%ROWTYPE;
BEGIN
  SELECT * INTO v_note FROM @notes WHERE job_id = p_job_id AND end_status IS NOT NULL FOR UPDATE;
  IF v_note.at_work THEN PERFORM @key_ended(v_note.key_name, v_note.id, v_note.finished_at); END IF;
  UPDATE @notes SET at_work = false, gone = true WHERE job_id = p_job_id AND end_status IS NOT NULL AND NOT replaced;
  DELETE FROM @notes WHERE job_id = p_job_id AND replaced;
END $$;
`;

/** The records of runs are gone. One item of each array is one run. */
const FORGET = `
CREATE FUNCTION @forget(p_ids text[], p_job_ids text[], p_lanes text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  -- An id that another run has taken keeps its place, and the keys that stand for it.
  WITH gone AS (
    DELETE FROM @places p USING unnest(p_ids, p_job_ids) AS g (id, job_id)
    WHERE p.id = g.id AND p.job_id = g.job_id RETURNING p.id
  ) DELETE FROM @keys WHERE id IN (SELECT id FROM gone);
  DELETE FROM @keys k USING unnest(p_ids, p_job_ids) AS g (id, job_id) WHERE k.id = g.id AND k.job_id = g.job_id;
  DELETE FROM @notes WHERE job_id = ANY (p_job_ids);
  DELETE FROM @expiries WHERE job_id = ANY (p_job_ids);
  DELETE FROM @outbox WHERE job_id = ANY (p_job_ids);
  PERFORM @drop_dead_lanes(ARRAY(SELECT DISTINCT split_part(lane, '|', 4) FROM unnest(p_lanes) AS g (lane)));
END $$;
`;

/** A lane of ad-hoc functions goes with the last run of a process that is gone: no other ever has its name. */
const DROP_DEAD_LANES = `
CREATE FUNCTION @drop_dead_lanes(p_processes text[]) RETURNS void LANGUAGE sql AS $$
  DELETE FROM @lanes l
  WHERE split_part(name, '|', 4) <> '' AND split_part(name, '|', 4) = ANY (p_processes)
    -- Names of lanes have no colon: see lane-name.ts.
    AND NOT EXISTS (SELECT 1 FROM @processes p WHERE replace(p.id, ':', '%') = split_part(l.name, '|', 4))
    AND NOT EXISTS (SELECT 1 FROM @places p WHERE p.lane = l.name AND split_part(p.lane, '|', 4) <> '');
$$;

CREATE FUNCTION @bury(p_process text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM @processes WHERE id = p_process;
  PERFORM @drop_dead_lanes(ARRAY[replace(p_process, ':', '%')]);
END $$;
`;

/** What is written about runs in more than one statement: each sees what the ones before it did. */
export const NOTE_FUNCTIONS = TIDY + REQUEST_CANCEL + LET_GO + DROP_DEAD_LANES + FORGET;
