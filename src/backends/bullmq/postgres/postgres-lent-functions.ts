import { AT_WORK_MOST, CONCURRENCY } from '../book/lent-book.js';

/**
 * Slots that jobs have lent. All of it under the lock that BullMQ takes to give a job of a lane with a limit, so that
 * none is given meanwhile. It has read that limit before it takes the lock: so a slot is not taken back in the step that
 * lowers it, but in the next, which comes a way to the server later.
 */
export const LENDING = `
CREATE TABLE @lent (
  lane text COLLATE "C", job_id text COLLATE "C", token text NOT NULL,
  -- It is to be taken back: no run may begin in it.
  wanted boolean NOT NULL DEFAULT false,
  PRIMARY KEY (lane, job_id)
);

CREATE FUNCTION @lock_lane(p_lane text) RETURNS void LANGUAGE sql AS $$
  SELECT pg_advisory_xact_lock(hashtext('bullmq:concurrency:' || p_lane));
$$;

CREATE FUNCTION @most_at_work(p_lane text) RETURNS integer LANGUAGE sql STABLE AS $$
  SELECT value::integer FROM @jobs.meta WHERE queue = p_lane AND field = '${AT_WORK_MOST}';
$$;

-- From now on as many may be active.
CREATE FUNCTION @let_be_active(p_lane text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_most integer := @most_at_work(p_lane);
BEGIN
  IF v_most IS NULL THEN
    DELETE FROM @lent WHERE lane = p_lane;
    DELETE FROM @jobs.meta WHERE queue = p_lane AND field = '${CONCURRENCY}';
    RETURN;
  END IF;
  INSERT INTO @jobs.meta (queue, field, value)
  SELECT p_lane, '${CONCURRENCY}', (v_most + count(*))::text FROM @lent WHERE lane = p_lane AND NOT wanted
  ON CONFLICT (queue, field) DO UPDATE SET value = excluded.value;
END $$;

CREATE FUNCTION @limit_lane(p_lane text, p_most integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM @lock_lane(p_lane);
  DELETE FROM @jobs.meta WHERE queue = p_lane AND field = '${AT_WORK_MOST}';
  IF p_most IS NOT NULL THEN
    INSERT INTO @jobs.meta (queue, field, value) VALUES (p_lane, '${AT_WORK_MOST}', p_most::text);
  END IF;
  PERFORM @let_be_active(p_lane);
END $$;

CREATE FUNCTION @lend(p_lane text, p_job_id text, p_token text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF @most_at_work(p_lane) IS NULL THEN RETURN false; END IF;
  PERFORM @lock_lane(p_lane);
  PERFORM 1 FROM @jobs.job WHERE queue = p_lane AND id = p_job_id AND state = 'active' AND lock_token = p_token;
  IF NOT FOUND THEN RETURN false; END IF;
  INSERT INTO @lent VALUES (p_lane, p_job_id, p_token)
  ON CONFLICT (lane, job_id) DO UPDATE SET token = excluded.token, wanted = false;
  PERFORM @let_be_active(p_lane);
  RETURN true;
END $$;

CREATE FUNCTION @take_back(p_lane text, p_job_id text, p_token text, p_force boolean) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_wanted boolean;
BEGIN
  PERFORM @lock_lane(p_lane);
  SELECT wanted INTO v_wanted FROM @lent WHERE lane = p_lane AND job_id = p_job_id AND token = p_token;
  IF NOT FOUND THEN RETURN true; END IF;
  IF p_force THEN
    DELETE FROM @lent WHERE lane = p_lane AND job_id = p_job_id;
  ELSIF NOT v_wanted THEN
    UPDATE @lent SET wanted = true WHERE lane = p_lane AND job_id = p_job_id;
  ELSE
    IF (SELECT count(*) FROM @jobs.job WHERE queue = p_lane AND state = 'active')
      - (SELECT count(*) FROM @lent WHERE lane = p_lane) >= @most_at_work(p_lane) THEN RETURN false;
    END IF;
    DELETE FROM @lent WHERE lane = p_lane AND job_id = p_job_id;
    RETURN true;
  END IF;
  PERFORM @let_be_active(p_lane);
  RETURN p_force;
END $$;

CREATE FUNCTION @drop_lent(p_until bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_lane text;
BEGIN
  FOR v_lane IN SELECT DISTINCT lane FROM @lent ORDER BY lane LOOP
    PERFORM @lock_lane(v_lane);
    DELETE FROM @lent l WHERE lane = v_lane AND NOT EXISTS (
      SELECT 1 FROM @jobs.job j WHERE j.queue = v_lane AND j.id = l.job_id AND j.state = 'active'
        AND j.lock_token = l.token AND j.locked_until_ms > p_until
    );
    IF FOUND THEN PERFORM @let_be_active(v_lane); END IF;
  END LOOP;
END $$;
`;
