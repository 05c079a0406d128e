import type { MailTemplates } from './mail-template.js';

/** The mails of the shop that the examples are about. */
export const shopTemplates = {
  welcome: {
    subject: 'Welcome to Tidemark Goods, {{name}}',
    text: 'Hello {{name}},\n\nyour account is ready. Reply to this mail if anything is unclear.\n\nTidemark Goods\n',
    html: '<p>Hello {{name}},</p><p>your account is ready. Reply to this mail if anything is unclear.</p><p>Tidemark Goods</p>',
  },
  newsletter: {
    subject: '{{headline}}',
    text: 'Hello {{name}},\n\n{{story}}\n\nTidemark Goods\n',
    html: '<p>Hello {{name}},</p><p>{{story}}</p><p>Tidemark Goods</p>',
  },
} as const satisfies MailTemplates;
