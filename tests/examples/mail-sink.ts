import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach } from '@jest/globals';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

/** A mail that a sink has taken. */
export interface TakenMail {
  readonly from: string;
  readonly to: readonly string[];
  /** Headers and body, as they came. */
  readonly raw: string;
}

/** What a sink answers instead of taking a mail. */
export interface SinkAnswers {
  /** Asked at each recipient: `550 5.1.1 …` refuses it; undefined takes it. */
  readonly recipient?: (address: string) => string | undefined;
  /** Asked when a mail has come: a promise holds it. */
  readonly mail?: (mail: TakenMail) => string | undefined | Promise<string | undefined>;
  readonly login?: { readonly user: string; readonly password: string };
  /** Never says whether somebody may log in. */
  readonly holdLogin?: boolean;
}

/** A real SMTP server on a free port, which keeps what it takes. */
export interface MailSink {
  readonly url: string;
  readonly port: number;
  readonly taken: readonly TakenMail[];
  /** How many connections it has had, and the most at once. */
  readonly connections: { readonly all: number; readonly atOnce: number };
  close(): Promise<void>;
}

/** Makes sinks that are closed after each test. */
export function mailSinks(): (answers?: SinkAnswers) => Promise<MailSink> {
  const open: MailSink[] = [];
  afterEach(async () => {
    for (const sink of open.splice(0)) await sink.close();
  });
  return async (answers = {}) => {
    const sink = await openSink(answers);
    open.push(sink);
    return sink;
  };
}

async function openSink(answers: SinkAnswers): Promise<MailSink> {
  const taken: TakenMail[] = [];
  const connections = { all: 0, atOnce: 0, now: 0 };
  const server = new SMTPServer({
    ...{ authOptional: answers.login === undefined, allowInsecureAuth: true, disabledCommands: ['STARTTLS'] },
    closeTimeout: 1,
    onConnect: (_session, done) => {
      connections.all += 1;
      connections.now += 1;
      connections.atOnce = Math.max(connections.atOnce, connections.now);
      done();
    },
    onClose: () => (connections.now -= 1),
    onAuth: ({ username, password }, _session, done) => {
      if (answers.holdLogin === true) return;
      const { user, password: right } = answers.login ?? {};
      if (username === user && password === right) done(null, { user });
      else done(replyError('535 5.7.8 the password of that user is wrong'));
    },
    onRcptTo: ({ address }, _session, done) => done(replyError(answers.recipient?.(address))),
    onData: (stream, session, done) => {
      const taking = text(stream).then(async (raw) => {
        const { mailFrom, rcptTo } = session.envelope;
        const from = mailFrom === false ? '' : mailFrom.address;
        const mail = { from, to: rcptTo.map(({ address }) => address), raw };
        const refusal = await answers.mail?.(mail);
        if (refusal === undefined) taken.push(mail);
        done(replyError(refusal));
      });
      taking.catch(done); // a client that left in the middle of its mail
    },
  } satisfies SMTPServerOptions);
  server.on('error', () => undefined); // clients that leave in the middle
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return { url: `smtp://127.0.0.1:${port}`, port, taken, connections, close };
}

/** `550 5.1.1 no such user` as smtp-server wants it. */
function replyError(answer: string | undefined): Error | null {
  if (answer === undefined) return null;
  return Object.assign(new Error(answer.slice(4)), { responseCode: Number(answer.slice(0, 3)) });
}
