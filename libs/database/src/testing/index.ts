export { expectPrismaAgrees, prismaDrift, type AgreementOptions } from './prisma-agreement.ts';
