import { defineTask } from 'errand';
import { z } from 'zod';
import { reportPages } from './report-pages.js';

const input = z.strictObject({
  /** One line of letters that the fonts of every PDF reader have. */
  title: z
    .string()
    .regex(/^[\x20-\x7e\xa0-\xff]{1,100}$/, { error: 'Expected 1 to 100 characters of Latin-1, on one line' })
    .default('Orders'),
  /** 1 to 5,000. */
  pages: z.int().min(1).max(5_000).default(10),
});

/**
 * Makes a PDF, with progress after each page. The file is the result: `GET /process/{id}/result` downloads it. Cancelled
 * half-way, it leaves no half of a file behind.
 */
export const generateReport = defineTask({
  name: 'generate-report',
  input: input.prefault({}),
  queue: 'reports',
  limits: { concurrency: 2, softLimitMs: 600_000, hardLimitMs: 660_000 },
  handler: (plan, ctx) => {
    ctx.progress(0, plan.pages);
    const pages = reportPages(plan, { signal: ctx.signal, onPage: (page) => ctx.progress(page, plan.pages) });
    return ctx.file('report.pdf', pages, { type: 'application/pdf' });
  },
});
