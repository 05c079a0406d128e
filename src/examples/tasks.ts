import { Catalogue } from './catalogue.js';
import { importProductsInto } from './import-products.js';

export { slowReport } from './slow-report.js';

/** Takes products into a catalogue of its own, which is gone when the process ends. */
export const importProducts = importProductsInto(new Catalogue());
