import { injectionDetector } from '../injection/detector.ts';
import { cardRecognizer } from '../recognizers/card.ts';
import { emailRecognizer } from '../recognizers/email.ts';
import type { RulePack } from '../rule-pack.ts';

/** On by default: payment cards and e-mail addresses, and the obvious prompt injections. */
export const baselinePack: RulePack = {
  name: 'baseline',
  recognizers: [cardRecognizer, emailRecognizer],
  detectors: [injectionDetector],
};
