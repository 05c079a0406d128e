import { systemClock } from '../timing/system-clock.js';

/** How long a process that has nothing left to do may take to end by itself, in milliseconds. */
const LEAVE_MS = 1_000;

/**
 * Lets the process end by itself, with this code. Where something still keeps it up though there is nothing left to do
 * (a handler that ignored its signal, a connection that a module of tasks has opened), it is ended a second later.
 */
export function endProcess(
  process: Pick<NodeJS.Process, 'exit' | 'exitCode'>,
  code: number,
  onHeld?: () => void,
): void {
  process.exitCode = code;
  const leave = (): void => {
    onHeld?.();
    process.exit(code);
  };
  systemClock.after(LEAVE_MS, leave).unref();
}
