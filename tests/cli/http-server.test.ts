import { Agent, get, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { HttpServer } from '../../src/cli/http-server.js';
import { FakeClock } from '../fake-clock.js';
import { until } from '../until.js';

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

let clock: FakeClock;
let server: HttpServer;
let port: number;
let answers: ServerResponse[];
let agent: Agent;
let sockets: Socket[];

beforeEach(async () => {
  clock = new FakeClock();
  answers = [];
  sockets = [];
  agent = new Agent({ keepAlive: true });
  server = new HttpServer((req, res) => {
    if (req.url === '/at-once') res.end('done');
    else answers.push(res);
  }, SILENT);
  port = await server.listen('127.0.0.1', 0);
});

afterEach(async () => {
  agent.destroy();
  for (const socket of sockets) socket.destroy();
  for (const answer of answers) answer.destroy();
  await server.close({ answerMs: 0, clock });
});

/** Asks, on a connection that is kept. */
function ask(path: string): Promise<IncomingMessage & { text: Promise<string> }> {
  return new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', path, agent }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
      const whole = new Promise<string>((end) => answer.once('close', () => end(text)));
      resolve(Object.assign(answer, { text: whole }));
    }).on('error', reject);
  });
}

/** A bare connection, and what has come on it until the server ended it. */
function open(): { socket: Socket; ended: Promise<string> } {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  sockets.push(socket);
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { socket, ended: new Promise((resolve) => socket.once('close', () => resolve(text))) };
}

async function inFlight(): Promise<ServerResponse> {
  await until(() => answers.length > 0);
  const [answer] = answers;
  if (answer === undefined) throw new Error('nothing came');
  return answer;
}

describe('a server that leaves', () => {
  it('takes new requests as before, and ends their connections', async () => {
    expect((await ask('/at-once')).headers.connection).toBe('keep-alive');
    server.leave();
    const answer = await ask('/at-once');
    expect([answer.statusCode, answer.headers.connection, await answer.text]).toEqual([200, 'close', 'done']);
  });
});

describe('a server that closes', () => {
  it('listens no longer', async () => {
    await server.close({ answerMs: 1_000, clock });
    await expect(ask('/at-once')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('does not wait for connections that are kept for later', async () => {
    await (
      await ask('/at-once')
    ).text;
    await server.close({ answerMs: 1_000, clock });
  });

  it('lets an answer under way end, on a connection that was kept', async () => {
    const begunAt = performance.now();
    const asked = ask('/later');
    const answer = await inFlight();
    answer.write('wh');
    const closed = server.close({ answerMs: 1_000, clock });
    answer.end('ole');
    expect(await (await asked).text).toBe('whole');
    await closed;
    expect(performance.now() - begunAt).toBeLessThan(4_000); // not when Node forgets the connection
  });

  it('cuts off what has not ended in time, and what never was a request', async () => {
    const { socket, ended } = open();
    socket.write('GET /later HTTP/1.1\r\nHost: x\r\n\r\n');
    await inFlight();
    const silent = open();
    await new Promise((resolve) => silent.socket.once('connect', resolve));
    const closed = server.close({ answerMs: 1_000, clock });
    clock.advance(1_000);
    await closed;
    expect([await ended, await silent.ended]).toEqual(['', '']);
  });
});

describe('a client that does not wait for answers', () => {
  const LATER = 'GET /later HTTP/1.1\r\nHost: x\r\n\r\n';

  it('may be 100 requests ahead, and gets every answer in its turn', async () => {
    const { socket, ended } = open();
    socket.write(LATER.repeat(99) + 'GET /at-once HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await until(() => answers.length === 99);
    answers.forEach((answer, at) => answer.end(`answer ${at}.`));
    const text = await ended;
    expect(text.match(/answer [0-9]+\./g)).toEqual(answers.map((_, at) => `answer ${at}.`));
    expect(text).toMatch(/done$/);
  });

  it('is cut off when it goes further, and no more of its requests are begun', async () => {
    const { socket, ended } = open();
    socket.write(LATER.repeat(1_000));
    expect(await ended).toBe('');
    expect(answers).toHaveLength(100);
    expect(await (await ask('/at-once')).text).toBe('done');
  });

  it('may go on for ever when it takes what it has asked for', async () => {
    const { socket, ended } = open();
    for (let round = 0; round < 3; round += 1) {
      socket.write(LATER.repeat(80));
      await until(() => answers.length === 80);
      for (const answer of answers.splice(0)) answer.end();
    }
    socket.write('GET /at-once HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect((await ended).match(/HTTP\/1\.1 200 OK/g)).toHaveLength(241);
  });
});

describe('what is no HTTP', () => {
  it('is answered with a problem', async () => {
    const { socket, ended } = open();
    socket.write('garbage\r\n\r\n');
    const [head = '', body = ''] = (await ended).split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(head).toContain('Content-Type: application/problem+json');
    expect(head).toContain(`Content-Length: ${body.length}`);
    expect(JSON.parse(body)).toEqual({
      type: 'about:blank',
      title: 'Bad Request',
      status: 400,
      detail: 'This is no HTTP request',
      code: 'BAD_REQUEST',
    });
  });

  it.each([
    ['a request without Host', 'GET /at-once HTTP/1.1\r\n\r\n', 400, 'BAD_REQUEST'],
    ['one with two of them', 'GET /at-once HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400, 'BAD_REQUEST'],
    [
      'an expectation that nobody knows',
      'POST /at-once HTTP/1.1\r\nHost: x\r\nExpect: a miracle\r\nContent-Length: 2\r\n\r\n{}',
      417,
      'HTTP_ERROR',
    ],
    ['a tunnel', 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n', 501, 'HTTP_ERROR'],
    ['a version that is none', 'GET / HTTP/9.9\r\nHost: x\r\n\r\n', 400, 'BAD_REQUEST'],
    ['a request line without an end', `GET /${'a'.repeat(17_000)}`, 431, 'HTTP_ERROR'],
  ])('is answered with a problem of its own, and its connection ends: %s', async (...[, bytes, status, code]) => {
    const { socket, ended } = open();
    socket.write(bytes);
    const [head = '', body = ''] = (await ended).split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(head).toContain('Content-Type: application/problem+json; charset=utf-8');
    expect(head).toContain('Connection: close');
    expect(head).toContain('Cache-Control: no-store');
    expect(JSON.parse(body)).toMatchObject({ type: 'about:blank', status, code });
    expect(body).not.toMatch(/evil|miracle/);
    expect(answers).toEqual([]);
  });

  it('is answered also where a long body follows, which is read to its end', async () => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    sockets.push(socket);
    const errors: unknown[] = [];
    socket.on('error', (error) => errors.push(error));
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.write(`POST /at-once HTTP/1.1\r\nContent-Length: 20000000\r\n\r\n`);
    await new Promise((resolve) => socket.once('end', resolve));
    expect(text).toMatch(/^HTTP\/1\.1 400 .*The request must have one Host header"/s);
    await new Promise((resolve) => socket.write(Buffer.alloc(20_000_000), resolve));
    expect(errors).toEqual([]);
  });

  it('may leave Host out where its version does not know it', async () => {
    const { socket, ended } = open();
    socket.write('GET /at-once HTTP/1.0\r\n\r\n');
    expect(await ended).toMatch(/^HTTP\/1\.1 200 .*done$/s);
  });

  it('may wait for the word to go on', async () => {
    const { socket, ended } = open();
    socket.write(
      'POST /at-once HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n',
    );
    await new Promise((resolve) => socket.once('data', resolve));
    socket.write('{}');
    expect(await ended).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
  });

  it('does no harm as a tunnel whose client leaves at once', async () => {
    const { socket } = open();
    socket.write('CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n');
    socket.resetAndDestroy();
    expect(await (await ask('/at-once')).text).toBe('done');
  });

  it('says which limit it has passed', async () => {
    const { socket, ended } = open();
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(17_000)}\r\n\r\n`);
    expect(await ended).toMatch(/^HTTP\/1\.1 431 .*"detail":"The headers must be at most 16384 bytes"/s);
  });

  it('does not spoil an answer that has begun on the same connection', async () => {
    const { socket, ended } = open();
    socket.write('GET /later HTTP/1.1\r\nHost: x\r\n\r\n');
    const answer = await inFlight();
    answer.write('begun');
    socket.write('garbage\r\n\r\n');
    expect((await ended).match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  it('is answered after an answer that has ended', async () => {
    const { socket, ended } = open();
    socket.write('GET /at-once HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    socket.write('garbage\r\n\r\n');
    expect(await ended).toMatch(/HTTP\/1\.1 200 .*HTTP\/1\.1 400 /s);
  });
});
