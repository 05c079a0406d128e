import { z } from 'zod';

/** A mail with places for values: `{{name}}`. */
export interface MailTemplate {
  /** One line. */
  readonly subject: string;
  readonly text: string;
  /** The same as HTML. Values are escaped in it. */
  readonly html?: string;
}

/** A {@link MailTemplate} whose places are filled. */
export type MailContent = MailTemplate;

/** What is put in the places of a template, by name. */
export type MailValues = Readonly<Record<string, string>>;

/** Templates by their names. They are the server's: callers choose one, and say what is put in its places. */
export type MailTemplates = Readonly<Record<string, MailTemplate>>;

/** A template that was chosen, and what is put in its places; as it stands in the input of a task. */
export interface ChosenTemplate {
  readonly template: string;
  readonly values: MailValues;
}

const PLACE = /\{\{(\w+)\}\}/g;
/** Control characters that make no text: all but tab and line breaks. */
const NO_TEXT = /[^\P{Cc}\t\r\n]/u;
const NOT_ONE_LINE = /[\p{Cc}\u2028\u2029]/u;

/** The schema of values: at most 100 of them, each a text of at most 10,000 characters. */
export const mailValues = z
  .record(z.string().max(64), z.string().max(10_000))
  .refine((values) => Object.keys(values).length <= 100, { error: 'Expected at most 100 values' });

/** The schema of a template's name. */
export function templateName(templates: MailTemplates): z.ZodType<string, string> {
  return z.enum(Object.keys(templates));
}

/** A value that does not fit its template. */
export interface Misfit {
  readonly name: string;
  readonly why: string;
}

/** What is wrong with values for a template: missing ones, those without a place, those that would break it. */
export function misfits(template: MailTemplate, values: MailValues): readonly Misfit[] {
  const places = placesOf(template);
  const inSubject = placesIn(template.subject);
  const missing = [...places].filter((name) => !Object.hasOwn(values, name));
  const found = missing.map((name) => ({ name, why: 'The template needs this value' }));
  for (const [name, value] of Object.entries(values)) {
    if (!places.has(name)) found.push({ name, why: 'The template has no place for this value' });
    else if (inSubject.has(name) && NOT_ONE_LINE.test(value))
      found.push({ name, why: 'Stands in the subject, so it must be one line without control characters' });
    else if (NO_TEXT.test(value)) found.push({ name, why: 'Must not hold control characters' });
  }
  return found;
}

/** A mail as it is to be sent. The values must fit ({@link misfits}); what stands in them is never taken for a place. */
export function fill(template: MailTemplate, values: MailValues): MailContent {
  const put = (text: string, write = (value: string) => value): string =>
    text.replace(PLACE, (_, name: string) => write(values[name] ?? ''));
  return {
    subject: put(template.subject),
    text: put(template.text),
    ...(template.html !== undefined && { html: put(template.html, escapeHtml) }),
  };
}

function placesOf({ subject, text, html = '' }: MailTemplate): ReadonlySet<string> {
  return placesIn(`${subject} ${text} ${html}`);
}

function placesIn(text: string): ReadonlySet<string> {
  return new Set(Array.from(text.matchAll(PLACE), ([, name = '']) => name));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(value: string): string {
  return value.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
