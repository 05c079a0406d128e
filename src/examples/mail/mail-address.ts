import { z } from 'zod';

/** As HTML's `<input type="email">` has it: one address, without a name beside it, in ASCII. */
const ADDRESS =
  /^[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i;

/**
 * The address of one recipient: `ada@example.com`, at most 254 characters. Everything that a mail library could read as
 * something more (a name, a comment, a second recipient, a further header after a line break) is refused.
 *
 * @see https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address
 */
export const mailAddress = z
  .string({ error: 'Expected the address of one recipient' })
  .max(254)
  .regex(ADDRESS, { error: 'Expected one address, such as ada@example.com, without a name or a line break' });
