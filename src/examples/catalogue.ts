import type { ProductRecord } from './product-record.js';

/** Something that can be bought: one choice of a product's options. */
export interface Variant {
  /** The choice, such as `['Oat', 'Long']`. Empty where the product has no options. */
  readonly options: readonly string[];
  readonly sku: string;
  readonly price: number | null;
  readonly compareAtPrice: number | null;
}

/** A picture of a product. */
export interface Image {
  readonly src: string;
  readonly alt: string;
  /** Where it stands among the product's images; null where the file does not say. */
  readonly position: number | null;
}

/** A product as {@link Catalogue.get} shows it. */
export interface Product {
  readonly handle: string;
  readonly title: string;
  readonly body: string;
  readonly vendor: string;
  readonly type: string;
  readonly tags: readonly string[];
  readonly variants: readonly Variant[];
  /** By their position. */
  readonly images: readonly Image[];
}

/** What a product has of its own, apart from its variants and images. */
type Details = Pick<Product, 'title' | 'body' | 'vendor' | 'type' | 'tags'>;

interface Entry {
  details: Details;
  readonly variants: Map<string, Variant>;
  readonly images: Map<string, Image>;
}

const NO_DETAILS: Details = { title: '', body: '', vendor: '', type: '', tags: [] };

/**
 * Products in memory, put together from the rows of an export. Rows may come in any order, at the same time, and more
 * than once: each adds what it knows, and none takes away what another has said.
 *
 * It is bounded: beyond 10,000 products, or 1,000 variants or images of one, those that came first go.
 */
export class Catalogue {
  static readonly maxProducts = 10_000;
  static readonly maxParts = 1_000;
  readonly #entries = new Map<string, Entry>();

  /** How many products there are. */
  get size(): number {
    return this.#entries.size;
  }

  /** Takes in a row, and shows how large its product is now. */
  upsert(record: ProductRecord): { handle: string; variants: number; images: number } {
    const handle = record.Handle;
    const entry = this.#entries.get(handle) ?? { details: NO_DETAILS, variants: new Map(), images: new Map() };
    entry.details = addDetails(entry.details, record);
    if (isVariant(record)) put(entry.variants, variantOf(record), Catalogue.maxParts);
    if (record['Image Src'] !== '') put(entry.images, imageOf(record), Catalogue.maxParts);
    put(this.#entries, [handle, entry], Catalogue.maxProducts);
    return { handle, variants: entry.variants.size, images: entry.images.size };
  }

  /** The product of this handle. */
  get(handle: string): Product | undefined {
    const entry = this.#entries.get(handle);
    if (entry === undefined) return undefined;
    const images = [...entry.images.values()].sort((a, b) => placeOf(a) - placeOf(b));
    return { handle, ...entry.details, variants: [...entry.variants.values()], images };
  }
}

/** Replaces what is there under the key; what is new goes last, and may push out what came first. */
function put<T>(map: Map<string, T>, [key, value]: readonly [string, T], limit: number): void {
  map.set(key, value);
  const [first] = map.keys();
  if (map.size > limit && first !== undefined) map.delete(first);
}

/** The first row of a product carries these; the others leave them empty. */
function addDetails(known: Details, record: ProductRecord): Details {
  const tags = record.Tags.split(',').map((tag) => tag.trim());
  return {
    title: record.Title || known.title,
    body: record['Body (HTML)'] || known.body,
    vendor: record.Vendor || known.vendor,
    type: record.Type || known.type,
    tags: record.Tags === '' ? known.tags : tags.filter((tag) => tag !== ''),
  };
}

/** Rows for further images say nothing of a variant. */
function isVariant(record: ProductRecord): boolean {
  return record['Option1 Value'] !== '' || record['Variant SKU'] !== '' || record['Variant Price'] !== undefined;
}

/** Variants are told apart by their options: a second row with the same ones brings the variant up to date. */
function variantOf(record: ProductRecord): readonly [string, Variant] {
  const choices = [record['Option1 Value'], record['Option2 Value'], record['Option3 Value']];
  const options = choices.filter((choice) => choice !== '');
  const sku = record['Variant SKU'];
  const price = record['Variant Price'] ?? null;
  const compareAtPrice = record['Variant Compare At Price'] ?? null;
  return [JSON.stringify(choices), { options, sku, price, compareAtPrice }];
}

function imageOf(record: ProductRecord): readonly [string, Image] {
  const src = record['Image Src'];
  const place = Number.parseInt(record['Image Position'], 10);
  return [src, { src, alt: record['Image Alt Text'], position: Number.isNaN(place) ? null : place }];
}

function placeOf(image: Image): number {
  return image.position ?? Number.MAX_SAFE_INTEGER;
}
