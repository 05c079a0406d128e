import type { Outcome } from '../../ports/backend.js';
import type { Checkpoint } from '../../ports/checkpoint.js';
import { TaskError } from '../../task/errors.js';
import { describeError } from '../../task/run-error.js';
import { decodeValue, encodeValue } from '../../task/stored-value.js';

/** An outcome as it is kept, and the text of its value where it has one. */
export interface KeptOutcome {
  readonly kept: Outcome;
  readonly text?: string | null;
}

/** The text of an input. @throws {TaskError} INPUT_INVALID when it cannot be stored. */
export function inputText(input: unknown): string | null {
  const encoded = encodeValue(input);
  if (encoded.ok) return encoded.text;
  throw new TaskError('INPUT_INVALID', `The input cannot be stored: ${encoded.reason}`);
}

/** The text of a checkpoint. @throws {TaskError} RESULT_INVALID when it cannot be stored. */
export function checkpointText(checkpoint: Checkpoint): string | null {
  const encoded = encodeValue(checkpoint);
  if (encoded.ok) return encoded.text;
  throw new TaskError('RESULT_INVALID', `The checkpoint cannot be stored: ${encoded.reason}`);
}

/** What is kept of the end of an attempt: its value as it is read again, or a failure where it cannot be stored. */
export function keptOutcome(outcome: Outcome, attempt: number): KeptOutcome {
  if (outcome.type !== 'completed') return { kept: outcome };
  const encoded = encodeValue(outcome.value);
  if (encoded.ok) return { kept: { type: 'completed', value: decodeValue(encoded.text) }, text: encoded.text };
  const cause = new TaskError('RESULT_INVALID', `What the handler returned cannot be stored: ${encoded.reason}`);
  return { kept: { type: 'failed', error: describeError(cause, attempt), cause } };
}

/** The text of what a handler threw; null where it cannot be kept: its name and message are kept anyway. */
export function causeText(cause: unknown): string | null {
  const encoded = encodeValue(cause);
  return encoded.ok ? encoded.text : null;
}
