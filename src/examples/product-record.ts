import { z } from 'zod';

/** A column that may be missing or empty. JSON may hold a number where a CSV file holds text. */
const text = z
  .union([z.string(), z.number(), z.boolean()])
  .nullish()
  .transform((value) => (value === undefined || value === null ? '' : String(value).trim()));

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)$/;

/** A price that may be missing or empty, but is a number where it is given. */
const price = text
  .refine((value) => value === '' || DECIMAL.test(value), { error: 'Expected a number, such as 14.50' })
  .transform((value) => (value === '' ? undefined : Number(value)));

/**
 * One row of a product export: of a product, of a further variant of it, or of a further image. Only the handle, which
 * holds the rows of a product together, must be there. Columns that are not named here are passed over.
 */
export const productRecord = z.object({
  Handle: z.string({ error: 'Expected the handle of a product' }).trim().min(1, { error: 'Must not be empty' }),
  Title: text,
  'Body (HTML)': text,
  Vendor: text,
  Type: text,
  Tags: text,
  'Option1 Value': text,
  'Option2 Value': text,
  'Option3 Value': text,
  'Variant SKU': text,
  'Variant Price': price,
  'Variant Compare At Price': price,
  'Image Src': text,
  'Image Position': text,
  'Image Alt Text': text,
});

/** A {@link productRecord} that was parsed: empty text for what is missing, no number for a missing price. */
export type ProductRecord = z.output<typeof productRecord>;
