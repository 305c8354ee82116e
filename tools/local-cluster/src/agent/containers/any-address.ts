/**
 * 0.0.0.0 by the pod's own address: all pods of this machine share one network, where "any" would be the others' too. A
 * range (`0.0.0.0/0`) is none to listen on and stays.
 */
export function onOwnAddress(text: string, address: string): string {
  return text.replaceAll(/(?<![\w.])0\.0\.0\.0(?![\w.]|\/\d)/g, address);
}
