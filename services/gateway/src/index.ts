export { defaults, gatewayConfigSchema, type GatewayConfig } from './config.ts';
export { createGateway, type Gateway, type GatewayPorts } from './gateway.ts';
export { gatewayTarget } from './host-target.ts';
export { adminApiDocument } from './routes/admin/admin.ts';
export { gatewayMigrations } from './migrations.ts';
