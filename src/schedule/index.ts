export { nextDue, preview } from './due.js';
export { type CronPlan, type IntervalPlan, parsePlan, type Plan } from './plan.js';
