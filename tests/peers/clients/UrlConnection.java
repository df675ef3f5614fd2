import java.io.InputStream;
import java.net.Authenticator;
import java.net.HttpURLConnection;
import java.net.PasswordAuthentication;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

/**
 * The JDK's own NTLM, through HttpURLConnection. usage: UrlConnection URL DOMAIN\\USER PASSWORD ; prints the HTTP status, and writes the page, where the JDK gives
 * it out, to the file that CLIENT_BODY names.
 */
public class UrlConnection {
  /** The test's certificate is signed by itself, so nothing is asked of it. */
  private static final class TrustAll implements X509TrustManager {
    public void checkClientTrusted(X509Certificate[] chain, String type) {}
    public void checkServerTrusted(X509Certificate[] chain, String type) {}
    public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
  }

  public static void main(String[] arguments) throws Exception {
    SSLContext tls = SSLContext.getInstance("TLS");
    tls.init(null, new TrustManager[] {new TrustAll()}, null);
    HttpsURLConnection.setDefaultSSLSocketFactory(tls.getSocketFactory());
    HttpsURLConnection.setDefaultHostnameVerifier((host, session) -> true);
    Authenticator.setDefault(new Authenticator() {
      @Override protected PasswordAuthentication getPasswordAuthentication() {
        return new PasswordAuthentication(arguments[1], arguments[2].toCharArray());
      }
    });
    HttpURLConnection connection = (HttpURLConnection) new URI(arguments[0]).toURL().openConnection();
    connection.setConnectTimeout(10_000);
    connection.setReadTimeout(30_000);
    int status;
    try {
      status = connection.getResponseCode();
    } catch (java.net.ProtocolException tooOften) {
      // "Server redirected too many times (20)": the JDK tries a refused password again and again, then gives up like this.
      status = 401;
      if (!String.valueOf(tooOften.getMessage()).contains("too many times")) throw tooOften;
    }
    String file = System.getenv("CLIENT_BODY");
    InputStream page = status < 400 ? connection.getInputStream() : connection.getErrorStream();
    if (file != null && page != null) Files.write(Path.of(file), page.readAllBytes());
    System.out.println(status);
  }
}
