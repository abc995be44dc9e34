/** Grants of a frontend that its backend must not use any more. */
import { each, type Rules, when } from './rule.js';

export const GRANT_RULES: Rules = {
  txResponse: [
    {
      id: 'TXW-15',
      judge: ({ uses }) =>
        each(uses, (use) =>
          when(
            true,
            () => use === 'unused',
            () => `the page of a request that was responded to is still mapped for ${use}`,
          ),
        ),
    },
  ],
  closed: [
    {
      id: 'XB-12',
      judge: ({ uses }) =>
        each(uses, (use) =>
          when(
            true,
            () => use === 'unused',
            () => `a page of the connection is still mapped for ${use} in the state Closed`,
          ),
        ),
    },
  ],
};
