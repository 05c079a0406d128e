export type { CronPlan, IntervalPlan, Plan } from '../task/schedule.js';
export { nextDue, preview } from './due.js';
export { parsePlan } from './plan.js';
