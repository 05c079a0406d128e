import type { TaskManager } from 'errand';
import { Catalogue } from './catalogue.js';
import { imageRoute } from './images/image-route.js';
import { importProductsInto } from './import-products.js';
import { readMailSettings } from './mail/mail-settings.js';
import { sendBulkEmailWith } from './mail/send-bulk-email.js';
import { sendEmailWith } from './mail/send-email.js';
import { shopTemplates } from './mail/templates.js';
import { diskHasRoom, heapHasRoom, mailServerAnswers } from './upkeep/checks.js';
import { cleanUpExpiredIn } from './upkeep/clean-up-expired.js';
import { dailyReportOf } from './upkeep/daily-report.js';
import { healthCheckOf } from './upkeep/health-check.js';
import { upkeepSchedules } from './upkeep/schedules.js';
import { AuditTrail, writeAuditInto } from './users/audit-trail.js';
import { registerRoute } from './users/register-route.js';
import { KnownUsers, tellSystemOf } from './users/tell-system.js';
import { UserStore } from './users/user-store.js';
import { callWebhookWith } from './webhooks/call-webhook.js';
import { readWebhookSettings } from './webhooks/webhook-settings.js';

export { findPrimes } from './primes/find-primes.js';
export { printedReport } from './printed-report.js';
export { makeThumbnail, shrinkImage } from './images/make-thumbnail.js';
export { generateReport } from './reports/generate-report.js';
export { slowReport } from './slow-report.js';

/** Takes products into a catalogue of its own, which is gone when the process ends. */
export const importProducts = importProductsInto(new Catalogue());

const mail = { settings: () => readMailSettings(process.env), templates: shopTemplates };

/** Sends one mail by the server of `SMTP_URL`. */
export const sendEmail = sendEmailWith(mail);

/** Sends one template to many. */
export const sendBulkEmail = sendBulkEmailWith(mail);

/** Calls a receiver that `WEBHOOK_SECRETS` has a secret for. */
export const callWebhook = callWebhookWith({ settings: () => readWebhookSettings(process.env) });

const users = new UserStore();

/** Writes down what was done. */
export const writeAudit = writeAuditInto(new AuditTrail());

/** Tells other systems of new users. */
export const tellSystem = tellSystemOf(new KnownUsers());

/** Removes the expired sessions of users who have registered. */
export const cleanUpExpired = cleanUpExpiredIn(users);

/** Looks at the disk, the heap and the mail server. */
export const healthCheck = healthCheckOf({
  disk: diskHasRoom('.'),
  heap: heapHasRoom(),
  mail: mailServerAnswers(process.env),
});

/** Counts who has registered on a day. */
export const dailyReport = dailyReportOf(users);

/** What `npm start` plans. */
export const schedules = upkeepSchedules({ cleanUpExpired, healthCheck, dailyReport });

/** What `npm start` serves beside the tasks. */
export function routes({ manager }: { readonly manager: TaskManager }) {
  return [registerRoute({ manager, users, sendEmail, writeAudit, tellSystem }), imageRoute({ manager })];
}
