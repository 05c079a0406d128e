import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Catalogue } from '../../src/examples/catalogue.js';
import { importProductsInto } from '../../src/examples/import-products.js';
import { productRecord } from '../../src/examples/product-record.js';
import { TaskManager } from '../../src/manager/task-manager.js';

const SAMPLE = join(import.meta.dirname, '../../src/examples/data/products.csv');

let catalogue: Catalogue;
let manager: TaskManager;

beforeEach(() => {
  catalogue = new Catalogue();
  manager = new TaskManager({ tasks: [importProductsInto(catalogue)] });
});

afterEach(async () => {
  await manager.close({ graceMs: 0 });
});

/** Imports one record, and gives the result or the code of the refusal. */
async function take(record: unknown): Promise<unknown> {
  try {
    return await (await manager.startNamed('import-products', record)).result();
  } catch (error) {
    return (error as { code: string }).code;
  }
}

/** The good rows of the sample. */
async function sampleRows(): Promise<Record<string, string>[]> {
  const rows = parse(await readFile(SAMPLE), { columns: true }) as unknown as Record<string, string>[];
  return rows.filter((row) => productRecord.safeParse(row).success);
}

describe('import-products', () => {
  it('takes a handle alone', async () => {
    expect(await take({ Handle: 'mug' })).toEqual({ handle: 'mug', variants: 0, images: 0 });
  });

  it.each([
    ['no handle', {}],
    ['an empty handle', { Handle: '' }],
    ['a handle of spaces', { Handle: '  ' }],
    ['a price that is a word', { Handle: 'mug', 'Variant Price': 'on request' }],
    ['a price with a unit', { Handle: 'mug', 'Variant Price': '9.50 EUR' }],
    ['a price with a comma', { Handle: 'mug', 'Variant Price': '1,299.00' }],
    ['a price without an end', { Handle: 'mug', 'Variant Price': 'Infinity' }],
    ['an earlier price that is a word', { Handle: 'mug', 'Variant Compare At Price': 'more' }],
    ['no record', 'mug'],
    ['nothing', null],
  ])('refuses %s', async (_what, record) => {
    expect(await take(record)).toBe('INPUT_INVALID');
    expect(catalogue.size).toBe(0);
  });

  it.each([
    ['', null],
    [null, null],
    [undefined, null],
    ['9.50', 9.5],
    [' 12 ', 12],
    ['.5', 0.5],
    [9.5, 9.5],
  ])('takes the price %j as %j', async (given, price) => {
    await take({ Handle: 'mug', 'Variant SKU': 'M', 'Variant Price': given });
    expect(catalogue.get('mug')?.variants).toMatchObject([{ sku: 'M', price }]);
  });

  it('brings the rows of a product together', async () => {
    await take({
      Handle: 'mug',
      Title: 'Mug',
      Tags: 'tin, camp',
      'Option1 Value': 'Red',
      'Variant Price': '9',
      'Image Src': 'b',
      'Image Position': '2',
    });
    await take({
      Handle: 'mug',
      Title: '',
      'Option1 Value': 'Blue',
      'Variant Price': '8',
      'Variant Compare At Price': '9',
    });
    await take({ Handle: 'mug', 'Image Src': 'a', 'Image Position': '1', 'Image Alt Text': 'From above' });
    expect(catalogue.get('mug')).toEqual({
      handle: 'mug',
      title: 'Mug',
      body: '',
      vendor: '',
      type: '',
      tags: ['tin', 'camp'],
      variants: [
        { options: ['Red'], sku: '', price: 9, compareAtPrice: null },
        { options: ['Blue'], sku: '', price: 8, compareAtPrice: 9 },
      ],
      images: [
        { src: 'a', alt: 'From above', position: 1 },
        { src: 'b', alt: '', position: 2 },
      ],
    });
  });

  it('brings a variant up to date when its row comes again', async () => {
    await take({ Handle: 'mug', 'Option1 Value': 'Red', 'Variant Price': '9' });
    expect(await take({ Handle: 'mug', 'Option1 Value': 'Red', 'Variant Price': '7' })).toMatchObject({ variants: 1 });
    expect(catalogue.get('mug')?.variants).toMatchObject([{ price: 7 }]);
  });

  it('makes the same catalogue of the sample whatever the order of its rows', async () => {
    const rows = await sampleRows();
    const handles = [...new Set(rows.map((row) => row['Handle'] ?? ''))];
    /** Everything but the order in which variants have come. */
    const contents = (from: Catalogue): unknown =>
      handles.map((handle) => {
        const product = from.get(handle);
        return { ...product, variants: product?.variants.map((variant) => JSON.stringify(variant)).sort() };
      });
    const inOrder = new Catalogue();
    for (const row of rows) inOrder.upsert(productRecord.parse(row));
    expect(inOrder.size).toBe(handles.length);
    fc.assert(
      fc.property(fc.shuffledSubarray(rows, { minLength: rows.length }), (shuffled) => {
        const other = new Catalogue();
        for (const row of shuffled) other.upsert(productRecord.parse(row));
        expect(contents(other)).toEqual(contents(inOrder));
      }),
      { numRuns: 30 },
    );
  });
});

describe('the catalogue', () => {
  it('is bounded: what came first goes', () => {
    const record = (handle: string): Parameters<Catalogue['upsert']>[0] => productRecord.parse({ Handle: handle });
    for (let index = 0; index <= Catalogue.maxProducts; index += 1) catalogue.upsert(record(`p-${index}`));
    expect(catalogue.size).toBe(Catalogue.maxProducts);
    expect([catalogue.get('p-0'), catalogue.get('p-1')?.handle]).toEqual([undefined, 'p-1']);
  });

  it('keeps so many variants and images of a product, the newest', () => {
    for (let index = 0; index <= Catalogue.maxParts; index += 1) {
      catalogue.upsert(productRecord.parse({ Handle: 'p', 'Option1 Value': `v-${index}`, 'Image Src': `i-${index}` }));
    }
    const product = catalogue.get('p');
    expect([product?.variants.length, product?.images.length]).toEqual([Catalogue.maxParts, Catalogue.maxParts]);
    expect(product?.variants[0]?.options).toEqual(['v-1']);
  });
});
