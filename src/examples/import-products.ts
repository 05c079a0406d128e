import { defineTask, type Task } from 'errand';
import type { Catalogue } from './catalogue.js';
import { productRecord } from './product-record.js';
import type { z } from 'zod';

/** What the task says of a row: its product, and how large that is now. */
export interface ImportedProduct {
  readonly handle: string;
  readonly variants: number;
  readonly images: number;
}

/**
 * A task that takes one row of a product export into a catalogue. Feed it a whole file with
 * `POST /process/import-products/import`.
 */
export function importProductsInto(catalogue: Catalogue): Task<z.input<typeof productRecord>, ImportedProduct> {
  return defineTask({
    name: 'import-products',
    input: productRecord,
    handler: (record) => catalogue.upsert(record),
  });
}
