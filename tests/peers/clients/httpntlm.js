// httpntlm of npm. usage: node httpntlm.js URL DOMAIN USER PASSWORD ; prints the HTTP status. NODE_MODULES names where npm put it.
const path = require('path');
const httpntlm = require(path.join(process.env.NODE_MODULES, 'httpntlm'));

const [, , url, domain, username, password] = process.argv;
httpntlm.get({ url, domain, username, password, workstation: 'NODEHOST', rejectUnauthorized: false }, (error, response) => {
  console.log(error ? `000 ${error}` : response.statusCode);
});
