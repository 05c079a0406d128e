import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseListQuery } from '../../src/http-api/list-query.js';
import { isPlainStart, parseStartRequest, startRequestSchema } from '../../src/http-api/start-request.js';

describe('parseStartRequest', () => {
  it('takes every member, and leaves the input alone', () => {
    const body = {
      task: 't',
      input: { any: [1] },
      id: 'i',
      priority: -1_000,
      delayMs: 0,
      expiresInMs: 1,
      tags: ['a:b'],
    };
    expect(parseStartRequest(body)).toEqual({ ok: true, request: body });
  });

  it('points at every unknown member, however it is named', () => {
    const parsed = parseStartRequest({ task: 't', 'a/b': 1, '~': 2 });
    expect(parsed).toMatchObject({ ok: false, errors: [{ pointer: '/a~1b' }, { pointer: '/~0' }] });
  });

  it('lets nothing past the schema that the schema refuses', () => {
    const member = fc.constantFrom('task', 'input', 'id');
    const value = fc.oneof(fc.constantFrom('t', 'a b', '', 'x'.repeat(129)), fc.jsonValue());
    fc.assert(
      fc.property(fc.oneof(fc.dictionary(member, value), fc.jsonValue()), (body) => {
        if (isPlainStart(body)) expect(startRequestSchema.parse(body)).toEqual(body);
      }),
      { numRuns: 1_000 },
    );
    expect(isPlainStart({ task: 't', input: 1 })).toBe(true);
    expect(isPlainStart({ task: 't', input: 1, priority: 1 })).toBe(false);
  });

  it('never throws, and never repeats what it was given', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom('task', 'id', 'priority', 'delayMs', 'tags'), (value, member) => {
        const secret = 'hunter2-hunter2';
        const parsed = parseStartRequest({ task: 't', [member]: [value, secret], other: secret });
        expect(parsed.ok).toBe(false);
        expect(JSON.stringify(parsed)).not.toContain(secret);
      }),
    );
  });
});

describe('parseListQuery', () => {
  it('fills in the page size', () => {
    expect(parseListQuery({})).toEqual({ ok: true, request: { limit: 50 } });
  });

  it('says what a value has to be', () => {
    expect(parseListQuery({ limit: '201' })).toEqual({
      ok: false,
      detail: 'The query value limit must be an integer from 1 to 200',
    });
    expect(parseListQuery({ sort: 'x' })).toMatchObject({ ok: false });
  });
});
