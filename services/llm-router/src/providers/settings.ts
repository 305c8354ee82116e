import { milliseconds } from '../setting-fields.ts';

/** Of the providers' room, among `FLOTILLA_ROUTER_*`. */
export const providerSettings = {
  catalogueTtlMs: milliseconds(
    600_000,
    'How long the list of what a provider offers is used before the provider is asked again. Shorter shows new models and prices sooner.',
  ),
  catalogueTimeoutMs: milliseconds(10_000, 'How long a provider may take to say what it offers.'),
};
